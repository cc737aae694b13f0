// multistream-select 1.0: which protocol follows on a connection or stream. Both roles, without
// I/O.
//
//   dialler                                listener
//   ->  /multistream/1.0.0
//   ->  /noise                (same write)
//                             <-  /multistream/1.0.0
//                             <-  /noise        (or na, and the dialler proposes the next)
//
// A line is uvarint size ‖ text ‖ LF; size counts the LF.
//
//   MultistreamDialler dialler({"/noise"});
//   Send(dialler.TakeOutput());
//   size_t used = dialler.Receive(bytes);  // bytes[used…] already belong to the protocol
//   if (dialler.state() == MultistreamState::kAgreed) … dialler.protocol() …
//
// Every pipelining is taken: header and proposal in one write, further proposals before the
// answers, the protocol's own first bytes in the same segment. A listener speaks only when spoken
// to. After kAgreed or kFailed nothing more is consumed.
//
// Memory is bounded by one line and the answers to what one Receive() held. Single-threaded.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_MULTISTREAM_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_MULTISTREAM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace noisegate::libp2p {

inline constexpr std::string_view kMultistreamHeader = "/multistream/1.0.0";
inline constexpr size_t kMaxMultistreamLine = 1024;  // bytes, newline included, size prefix not
inline constexpr size_t kMaxProposals = 64;          // lines behind the header, `ls` included

enum class MultistreamState : uint8_t { kRunning, kAgreed, kFailed };

enum class MultistreamError : uint8_t {
  kNone,
  kMalformedLine,     // bad size prefix, or a line without newline at its end
  kLineTooLong,       // over kMaxMultistreamLine
  kBadHeader,         // the first line is not /multistream/1.0.0
  kTooManyProposals,  // the dialler went on beyond kMaxProposals
  kNoneAgreed,        // every proposal of ours was answered `na`
  kUnexpectedAnswer,  // neither our proposal nor `na`
  kTruncated,         // the other side ended first
};
std::string_view ToString(MultistreamError error);

// One line with size prefix and newline, as on the wire.
void AppendMultistreamLine(std::string_view text, std::vector<uint8_t>& out);

// The reader of lines that both roles share.
class MultistreamLines {
 public:
  // Takes bytes up to the end of the next line and returns how many. `line` is set once a line is
  // complete, and holds its text without the newline until the next call. Check error().
  size_t Next(std::span<const uint8_t> bytes, std::optional<std::string_view>& line);
  MultistreamError error() const { return error_; }

 private:
  std::vector<uint8_t> buffer_;  // size prefix, then the line
  bool line_taken_ = false;
  MultistreamError error_ = MultistreamError::kNone;
};

// What both roles do.
class MultistreamNegotiation {
 public:
  virtual ~MultistreamNegotiation() = default;

  // Consumes what belongs to the negotiation and returns how many bytes that was.
  size_t Receive(std::span<const uint8_t> bytes);
  // The other side ended. A negotiation that still runs fails with kTruncated.
  void ReceiveEnd();
  // What is to be sent now; empty if nothing. Also after a failure or the agreement.
  std::vector<uint8_t> TakeOutput();

  MultistreamState state() const { return state_; }
  MultistreamError error() const { return error_; }
  const std::string& protocol() const { return protocol_; }  // kAgreed only

 protected:
  explicit MultistreamNegotiation(std::vector<std::string> protocols)
      : protocols_(std::move(protocols)) {}

  void Send(std::string_view line) { AppendMultistreamLine(line, output_); }
  void Send(std::span<const uint8_t> bytes);
  void Agree(std::string_view protocol);
  void Fail(MultistreamError error);

  const std::vector<std::string> protocols_;

 private:
  // A line behind the header.
  virtual void HandleLine(std::string_view line) = 0;
  // The other side's header has come.
  virtual void HandleHeader() {}

  MultistreamLines lines_;
  std::vector<uint8_t> output_;
  std::string protocol_;
  bool header_seen_ = false;
  MultistreamState state_ = MultistreamState::kRunning;
  MultistreamError error_ = MultistreamError::kNone;
};

// The side that was connected to.
class MultistreamListener final : public MultistreamNegotiation {
 public:
  // `protocols` are accepted exactly, and listed for `ls` in this order.
  explicit MultistreamListener(std::vector<std::string> protocols)
      : MultistreamNegotiation(std::move(protocols)) {}

 private:
  void HandleHeader() override { Send(kMultistreamHeader); }
  void HandleLine(std::string_view line) override;

  size_t proposals_ = 0;
};

// The side that connected. Its first output is there from the start: the header and the first
// proposal. With a single proposal a caller may send its protocol's first bytes right behind that;
// it must then not end its side (FIN) before kAgreed, or some listeners reset the stream.
class MultistreamDialler final : public MultistreamNegotiation {
 public:
  // Proposed in this order; at least one.
  explicit MultistreamDialler(std::vector<std::string> protocols);

 private:
  void HandleLine(std::string_view line) override;

  size_t proposal_ = 0;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_MULTISTREAM_H_
