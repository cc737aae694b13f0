// The noisegate program: reads the arguments and calls a sub-command (commands/commands.h).
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <string>

#include "config/duration.h"
#include "controlplane/commands/commands.h"
#include "controlplane/commands/text.h"

namespace {

using namespace noisegate;            // NOLINT(google-build-using-namespace)
using namespace noisegate::commands;  // NOLINT(google-build-using-namespace)

constexpr size_t kMaxMessageSize = 65'507 - 20;  // bytes; what one UDP datagram carries

std::string MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// An argument that parses by `parse`, a function from text to StatusOr<T>; what it refuses is a
// usage error that names the argument.
template <typename T, typename Parse>
CLI::Option* AddParsed(CLI::App* command, const std::string& name, T* value, Parse parse,
                       const std::string& help) {
  return command->add_option_function<std::string>(
      name,
      [name, value, parse](const std::string& text) {
        auto parsed = parse(text);
        if (!parsed.ok()) throw CLI::ValidationError(name, MessageOf(parsed.status()));
        *value = *std::move(parsed);
      },
      help);
}

CLI::Option* AddDuration(CLI::App* command, const std::string& name,
                         std::chrono::microseconds* value, const std::string& help) {
  const auto parse = [](const std::string& text) -> absl::StatusOr<std::chrono::microseconds> {
    const auto duration = config::ParseDuration(text);
    if (duration) return *duration;
    return absl::InvalidArgumentError("expected a duration such as 10ms, 1.5s or 2m");
  };
  return AddParsed(command, name, value, parse, help + " [" + config::PrintDuration(*value) + "]")
      ->type_name("DURATION");
}

// Each Add… declares one sub-command; its options live as long as the program.

void AddKeygen(CLI::App& app, std::function<int()>* run) {
  static KeygenOptions options;
  static const std::map<std::string, crypto::KeyType> kTypes = {
      {"ed25519", crypto::KeyType::kEd25519},
      {"p256", crypto::KeyType::kP256},
      {"rsa2048", crypto::KeyType::kRsa},
      {"secp256k1", crypto::KeyType::kSecp256k1}};
  CLI::App* command = app.add_subcommand(
      "keygen",
      "Makes an identity: a private key, PKCS#8 PEM, readable by its owner only.\n"
      "Prints the peer id. Never overwrites a file.");
  command
      ->add_option_function<std::string>(
          "--type", [](const std::string& name) { options.type = kTypes.at(name); },
          "ed25519, p256, rsa2048 or, for libp2p only, secp256k1 [ed25519]")
      ->check(CLI::IsMember({"ed25519", "p256", "rsa2048", "secp256k1"}).description(""));
  command->add_option("--out", options.out, "The file to write")->required()->type_name("FILE");
  command->callback([run] { *run = [] { return Keygen(options); }; });
}

void AddId(CLI::App& app, std::function<int()>* run) {
  static IdOptions options;
  CLI::App* command = app.add_subcommand(
      "id",
      "Prints the peer ids of a private or public key, a line each: the one in Noise Swarm, then the\n"
      "one in libp2p.");
  command->add_option("FILE", options.file, "PKCS#8 private or PKIX public key, PEM")
      ->required()
      ->type_name("");
  CLI::Option* const noise_swarm = command->add_flag_callback(
      "--noiseswarm", [] { options.kind = IdKind::kNoiseSwarm; }, "Only that of Noise Swarm");
  command
      ->add_flag_callback("--libp2p", [] { options.kind = IdKind::kLibp2p; }, "Only that of libp2p")
      ->excludes(noise_swarm);
  command->callback([run] { *run = [] { return Id(options); }; });
}

void AddCheck(CLI::App& app, std::function<int()>* run) {
  static CheckOptions options;
  CLI::App* command = app.add_subcommand(
      "check",
      "Validates a config without starting anything.\n"
      "Prints every problem as FILE:LINE: KEY: MESSAGE and exits with 1 where there is one.");
  command->add_option("CONFIG", options.config, "The config file")->required()->type_name("");
  command->callback([run] { *run = [] { return Check(options); }; });
}

void AddListen(CLI::App& app, std::function<int()>* run) {
  static ListenOptions options;
  static uint64_t count = 0;
  CLI::App* command = app.add_subcommand(
      "listen",
      "Receives messages on a kernel UDP socket; needs no config and no privileges.\n"
      "Prints LISTEN PEERID@ADDR once ready, then each message as PEERID@ADDR: TEXT; the sender's\n"
      "identity is proven. Messages that are no text are printed as hex:….");
  AddParsed(command, "ADDR", &options.local, ParseLocalEndpoint,
            "Where to listen: 0.0.0.0:4242, [::]:4242 for both families, port 0 for a free one")
      ->required()
      ->type_name("");
  command->add_option("--key", options.key, "Private key file, as keygen makes it")
      ->required()
      ->type_name("FILE");
  command->add_flag("--echo", options.echo, "Send every message back");
  command
      ->add_option_function<std::vector<std::string>>(
          "--allow",
          [](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const auto peer = crypto::PeerId::Parse(text);
              if (!peer.ok()) throw CLI::ValidationError("--allow", MessageOf(peer.status()));
              options.allow.push_back(*peer);
            }
          },
          "Admit only this peer; may be repeated [anyone]")
      ->type_name("PEERID")
      ->allow_extra_args(false);
  CLI::Option* count_option = command->add_option("--count", count, "Leave after N messages")
                                  ->check(CLI::PositiveNumber.description(""))
                                  ->type_name("N");
  command->callback([run, count_option] {
    if (count_option->count() > 0) options.count = count;
    *run = [] { return Listen(options); };
  });
}

void AddTell(CLI::App& app, std::function<int()>* run) {
  static TellOptions options;
  static std::string message;
  CLI::App* command = app.add_subcommand(
      "tell",
      "Sends messages to a peer over a kernel UDP socket, and like ping times their echoes.\n"
      "Exits with 0 only if every message was sent and, with --expect-echo, came back intact.");
  AddParsed(command, "DESTINATION", &options.destination, controlplane::PeerAddress::Parse,
            "PEERID@ADDR, as listen prints it")
      ->required()
      ->type_name("");
  CLI::Option* message_option =
      command->add_option("MESSAGE", message, "What to send [generated bytes]")->type_name("");
  command->add_option("--key", options.key, "Private key file, as keygen makes it")
      ->required()
      ->type_name("FILE");
  command->add_option("--count", options.count, "How many messages [1]")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  command->add_option("--size", options.size, "Bytes of each generated message [64]")
      ->check(CLI::Range(size_t{1}, kMaxMessageSize).description(""))
      ->type_name("S")
      ->excludes(message_option);
  AddDuration(command, "--interval", &options.interval,
              "From one message to the next; 0s: as fast as they go");
  AddDuration(command, "--timeout", &options.timeout,
              "How long to wait for the session, and for the last echo");
  command->add_flag("--expect-echo", options.expect_echo,
                    "Wait for each message to come back (listen --echo)");
  command->add_flag("--quiet", options.quiet, "Print the summary only");
  command->callback([run, message_option] {
    if (message_option->count() > 0) {
      if (message.empty()) throw CLI::ValidationError("MESSAGE", "must not be empty");
      options.message = message;
    }
    *run = [] { return Tell(options); };
  });
}

void AddP2pDial(CLI::App& p2p, std::function<int()>* run) {
  static P2pDialOptions options;
  CLI::App* command = p2p.add_subcommand(
      "dial",
      "Connects to a libp2p peer, directly or through a relay, and uses one of its protocols.\n"
      "Prints each phase with its time as it completes. Exits with 0 only if all of it worked.");
  command->add_option("MULTIADDR", options.address, "Such as /ip4/192.0.2.1/tcp/4001/p2p/ID")
      ->required()
      ->type_name("");
  command->add_option("PROTOCOL", options.what, "ping, echo, perf or id [ping]")
      ->check(CLI::IsMember({"ping", "echo", "perf", "id"}).description(""))
      ->type_name("");
  command->add_option("--key", options.key, "Private key file, as keygen makes it [a fresh one]")
      ->type_name("FILE");
  command->add_option("--count", options.count, "ping: how many [3]")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  command->add_option("--size", options.size, "echo: bytes on each stream, or request [65536]")
      ->type_name("BYTES");
  command
      ->add_option("--requests", options.requests,
                   "echo: send so many of them one after the other, and tell their times")
      ->type_name("N");
  command->add_option("--streams", options.streams, "echo: streams at once [1]")
      ->check(CLI::Range(1, 256).description(""))
      ->type_name("N");
  command->add_option("--upload", options.upload, "perf: bytes to send [1048576]")
      ->type_name("BYTES");
  command->add_option("--download", options.download, "perf: bytes to ask for [1048576]")
      ->type_name("BYTES");
  AddDuration(command, "--hold", &options.hold, "Keep the connection so long before the end");
  AddDuration(command, "--timeout", &options.timeout, "Time for each step up to the stream");
  AddDuration(command, "--keep-alive", &options.keep_alive, "How often to ask a quiet peer");
  command->callback([run] { *run = [] { return P2pDial(options); }; });
}

void AddP2pListen(CLI::App& p2p, std::function<int()>* run) {
  static P2pListenOptions options;
  CLI::App* command = p2p.add_subcommand(
      "listen",
      "Serves ping, identify, echo and perf to libp2p peers; needs no config and no privileges.\n"
      "Prints LISTEN MULTIADDR for each address once ready.");
  command
      ->add_option("MULTIADDR", options.addresses,
                   "Such as /ip4/0.0.0.0/tcp/4001 (port 0 for a free one), or\n"
                   "/ip4/192.0.2.1/tcp/4001/p2p/RELAY/p2p-circuit to be reached through a relay")
      ->required()
      ->type_name("");
  command->add_option("--key", options.key, "Private key file, as keygen makes it [a fresh one]")
      ->type_name("FILE");
  AddDuration(command, "--timeout", &options.timeout, "Time for each step up to the stream");
  AddDuration(command, "--keep-alive", &options.keep_alive, "How often to ask a quiet peer");
  CLI::Option* relay =
      command->add_flag("--relay", options.relay, "Be a Circuit Relay v2 for anyone");
  command
      ->add_option("--relay-reservations", options.relay_reservations,
                   "Peers that may be reached through it at once [128]")
      ->needs(relay)
      ->type_name("N");
  AddDuration(command, "--relay-duration", &options.relay_duration,
              "Life of a circuit; 0s: unlimited")
      ->needs(relay);
  command
      ->add_option("--relay-bytes", options.relay_bytes,
                   "Bytes of a circuit in each direction; 0: unlimited [131072]")
      ->needs(relay)
      ->type_name("BYTES");
  command
      ->add_option("--relay-rate", options.relay_rate,
                   "Bytes a second of all circuits; 0: unlimited [0]")
      ->needs(relay)
      ->type_name("BYTES");
  command->add_option("--relay-deny", options.relay_deny, "Refuse this peer; may be repeated")
      ->needs(relay)
      ->type_name("PEERID")
      ->allow_extra_args(false);
  command->callback([run] { *run = [] { return P2pListen(options); }; });
}

void AddP2p(CLI::App& app, std::function<int()>* run) {
  CLI::App* p2p = app.add_subcommand("p2p", "Speaks libp2p over kernel TCP.");
  p2p->require_subcommand(1);
  AddP2pDial(*p2p, run);
  AddP2pListen(*p2p, run);
}

#ifdef NOISEGATE_WITH_GATEWAY

void AddRun(CLI::App& app, std::function<int()>* run) {
  static RunOptions options;
  CLI::App* command = app.add_subcommand(
      "run",
      "Runs the gateway in the foreground until SIGTERM or SIGINT; then it says goodbye to its\n"
      "peers. SIGHUP reads the config again.");
  command->add_option("CONFIG", options.config, "The config file")->required()->type_name("");
  command->callback([run] { *run = [] { return Run(options); }; });
}

void AddSocket(CLI::App* command, std::string* socket) {
  command->add_option("--socket", *socket, "The gateway's admin socket [" + *socket + "]")
      ->type_name("PATH");
}

void AddShow(CLI::App& app, std::function<int()>* run) {
  static ShowOptions options;
  CLI::App* command = app.add_subcommand("show", "Shows what a running gateway does.");
  command
      ->add_option("WHAT", options.what,
                   "overview, peers, sessions, ports, workers, drops or relay [overview]")
      ->check(CLI::IsMember({"overview", "peers", "sessions", "ports", "workers", "drops", "relay"})
                  .description(""))
      ->type_name("");
  command->add_flag("--json", options.json, "For programs");
  command->add_flag("--all", options.all, "With drops and relay: also the reasons that count nothing");
  AddSocket(command, &options.socket);
  command->callback([run] { *run = [] { return Show(options); }; });
}

void AddReload(CLI::App& app, std::function<int()>* run) {
  static ReloadOptions options;
  CLI::App* command = app.add_subcommand(
      "reload",
      "Makes a running gateway read its config again. Sessions that did not change go on; a\n"
      "config with a problem changes nothing.");
  AddSocket(command, &options.socket);
  command->callback([run] { *run = [] { return Reload(options); }; });
}

void AddDemo(CLI::App& app, std::function<int()>* run) {
  static DemoOptions options;
  CLI::App* command = app.add_subcommand(
      "demo",
      "Runs two gateways and a relay in this process, with traffic between them; needs no\n"
      "privileges, hugepages or interfaces. Exits with 0 only if every packet arrived intact.");
  const auto parse = [](const std::string& text) -> absl::StatusOr<std::chrono::microseconds> {
    const auto duration = config::ParseDuration(text + "s");
    if (duration && duration->count() > 0) return *duration;
    return absl::InvalidArgumentError("expected a number of seconds");
  };
  AddParsed(command, "--seconds", &options.duration, parse, "How long to run [10]")->type_name("N");
  command
      ->add_option("--rate", options.rate,
                   "Packets a second, both ways together; 0: as many as go through [" +
                       std::to_string(options.rate) + "]")
      ->type_name("N");
  command->add_option("--size", options.size, "Bytes of each IP packet [mixed]")->type_name("N");
  command->add_option("--workers", options.workers, "Workers of each gateway [1]")
      ->check(CLI::Range(1, 8).description(""))
      ->type_name("N");
  command->callback([run] { *run = [] { return Demo(options); }; });
}

#endif  // NOISEGATE_WITH_GATEWAY

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("noisegate: a secure gateway that speaks the Noise Swarm protocol.", "noisegate");
  app.set_version_flag("--version", "noisegate " NOISEGATE_VERSION);
  app.require_subcommand(1);
  app.footer("noisegate COMMAND --help says more. Exit codes: 0 done, 1 failed, 2 wrong usage.");
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return "noisegate: " + std::string(error.what()) + "; --help says more\n";
  });

  std::function<int()> run;
#ifdef NOISEGATE_WITH_GATEWAY
  AddRun(app, &run);
  AddShow(app, &run);
  AddReload(app, &run);
  AddDemo(app, &run);
#endif
  AddCheck(app, &run);
  AddKeygen(app, &run);
  AddId(app, &run);
  AddListen(app, &run);
  AddTell(app, &run);
  AddP2p(app, &run);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  try {
    return run();
  } catch (const std::exception& error) {
    return Fail(error.what());
  }
}
