// How Validate() does it; validate.cc has the gateway's own keys, validate_ports.cc and
// validate_peers.cc the rest.
#ifndef NOISEGATE_CONFIG_VALIDATOR_H_
#define NOISEGATE_CONFIG_VALIDATOR_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "config/decoder.h"
#include "config/yaml_tree.h"

namespace noisegate::config {

std::string Indexed(std::string_view list, size_t index);  // "ports[2]"

// An address that a host may have.
bool IsUnicast(const dataplane::IpAddress& address);
// Whether frames to `address` go out of the port without a router.
bool OnLink(const Port& port, const dataplane::IpAddress& address);
// Whether it is one of the gateway's addresses on the port.
bool IsOwn(const Port& port, const dataplane::IpAddress& address);

class Validator {
 public:
  Validator(const Config& config, const Node& root, Decoder& decoder)
      : config_(config), root_(root), decoder_(decoder) {}

  void Run() {
    CheckGateway();
    CheckPorts();
    CheckPeers();
    CheckPrefixes();
    CheckEndpoints();
    CheckRelay();
    CheckSessions();
  }

 private:
  void Report(const std::string& path, std::string message) {
    decoder_.ReportAt(LineOf(root_, path), path, std::move(message));
  }
  std::string LineText(const std::string& path) const {
    return "line " + std::to_string(LineOf(root_, path));
  }
  // False for the default that stands where a value was wrong or absent.
  template <typename T>
  bool IsGood(const T& value, const std::string& path) const {
    return value != T{} || !decoder_.HasProblemAt(path);
  }

  // Whether the port is on that side, or its side is not known because it is wrong.
  bool MayBe(Side side, size_t port) const {
    return config_.ports[port].side == side ||
           decoder_.HasProblemAt(Indexed("ports", port) + ".side");
  }
  size_t IndexOf(const Port& port) const {
    return static_cast<size_t>(&port - config_.ports.data());
  }

  void CheckGateway();
  void CheckPorts();
  void CheckPort(const Port& port, const std::string& path);
  void CheckAddresses(const Port& port, const std::string& path);
  void CheckNextHops(const Port& port, const std::string& path);
  void CheckTap(const Port& port, const std::string& path);
  bool CarriesV6() const;  // whether IPv6 goes through the tunnels
  void CheckDevices();
  void CheckPeers();
  void CheckPrefixes();
  void CheckEndpoints();
  void CheckEndpoint(const dataplane::EndpointRange& endpoint, const std::string& path);
  void CheckRelay();
  void CheckSessions();

  const Config& config_;
  const Node& root_;
  Decoder& decoder_;
};

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_VALIDATOR_H_
