#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include "cmd/slipwayd/daemon.h"
#include "cmd/slipwayd/serve_options.h"
#include "cmd/slipwayd/version.h"

namespace slipway::daemon {
namespace {

// "ADDR:PORT", "[::1]:PORT" or ":PORT". Answers what is wrong, or nothing.
std::string readEndpoint(const std::string& text, std::string& address, std::uint16_t& port) {
  const std::size_t colon = text.rfind(':');
  const std::string number = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (number.empty() || number.size() > 5 || number.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(number) > 65535) {
    return "'" + text + "' is not ADDR:PORT, such as 127.0.0.1:6443";
  }
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  address = host.empty() ? "127.0.0.1" : host;
  port = static_cast<std::uint16_t>(std::stoi(number));
  return {};
}

void addEndpoint(CLI::App& command, const std::string& name, std::string& address, std::uint16_t& port,
                 const std::string& help) {
  command
      .add_option_function<std::string>(
          name, [&address, &port](const std::string& text) { (void)readEndpoint(text, address, port); }, help)
      ->check([](const std::string& text) {
        std::string ignoredAddress;
        std::uint16_t ignoredPort = 0;
        return readEndpoint(text, ignoredAddress, ignoredPort);
      })
      ->type_name("ADDR:PORT");
}

void addLogging(CLI::App& command, LogOptions& log) {
  command
      .add_option_function<std::string>(
          "--log-format",
          [&log](const std::string& text) { log.format = text == "json" ? LogFormat::Json : LogFormat::Text; },
          "text or json (default text)")
      ->check(CLI::IsMember({"text", "json"}));
  command
      .add_option_function<std::string>(
          "--log-level",
          [&log](const std::string& text) {
            log.level = text == "debug"   ? LogLevel::Debug
                        : text == "warn"  ? LogLevel::Warn
                        : text == "error" ? LogLevel::Error
                                          : LogLevel::Info;
          },
          "debug, info, warn or error (default info)")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

void addSshBackend(CLI::App& command, SshBackend& backend) {
  static const std::map<std::string, SshBackend> kNames = {{"auto", SshBackend::Auto},
                                                           {"libssh", SshBackend::Libssh},
                                                           {"openssh", SshBackend::OpenSsh},
                                                           {"sequential", SshBackend::Sequential}};
  command
      .add_option_function<std::string>(
          "--ssh-backend", [&backend](const std::string& text) { backend = kNames.at(text); },
          "What reaches the servers: libssh within this process, openssh (one ssh program for each command), "
          "sequential "
          "(one command at a time), or auto: libssh, and openssh where that cannot be used (default auto)")
      ->check(CLI::IsMember({"auto", "libssh", "openssh", "sequential"}));
}

void addServe(CLI::App& app, ServeOptions& options) {
  CLI::App& serve =
      *app.add_subcommand("serve", "Serve the Kubernetes API for Slipway's kinds and run the controller.");
  serve.footer(
      "Example:\n  slipwayd serve --data-dir /var/lib/slipway --listen 127.0.0.1:6443 --kubeconfig-out "
      "admin.kubeconfig\n"
      "  KUBECONFIG=admin.kubeconfig kubectl get releases");
  serve
      .add_option("--data-dir", options.dataDir,
                  "Directory of the store, keys, run logs and fetched sources; made on first start")
      ->required()
      ->type_name("DIR");
  addEndpoint(serve, "--listen", options.address, options.port,
              "Where the API listens; port 0 takes a free one (default 127.0.0.1:6443)");
  serve
      .add_option("--tls-name", options.names,
                  "Another host name or address for the server's certificate; may be repeated")
      ->type_name("NAME");
  serve
      .add_option("--kubeconfig-out", options.kubeconfigOut,
                  "Where to write the administrator's kubeconfig, mode 0600 (default <data-dir>/admin.kubeconfig)")
      ->type_name("FILE");
  addEndpoint(
      serve, "--metrics-listen", options.metricsAddress, options.metricsPort,
      "Serve /metrics, /healthz and /readyz there in plain HTTP without credentials; without it they are on the "
      "API port only");
  serve
      .add_option("--source-root", options.sourceRoots,
                  "Directory sources must lie in one of these directories; may be repeated (default: anywhere)")
      ->type_name("DIR");
  serve
      .add_option("--allow-outbound", options.allowOutbound,
                  "Addresses inside the network that URLs in users' objects (metrics, hooks) may lead to, such as "
                  "10.1.0.0/16,127.0.0.1; may be repeated (default: public addresses only)")
      ->delimiter(',')
      ->type_name("CIDR");
  serve.add_option("--workers", options.workers, "Releases that are worked on at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  addSshBackend(serve, options.sshBackend);
  addLogging(serve, options.log);
}

int run(int argc, char** argv) {
  // Before any thread exists, so that all of them inherit it: signals are waited for, not handled.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app{"slipwayd: the Slipway daemon. Releases, applied with kubectl, land on real servers, all or nothing."};
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("slipwayd ") + kVersionText);
  ServeOptions options;
  addServe(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const Status served = serve(options, [&signals] {
    int number = 0;
    sigwait(&signals, &number);
  });
  if (!served) {
    std::fprintf(stderr, "slipwayd: %s\n", served.message().c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace slipway::daemon

int main(int argc, char** argv) { return slipway::daemon::run(argc, argv); }
