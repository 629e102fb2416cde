#include "reconciler/base/json.h"
#include "tests/contract/traffic/real_proxy.h"

namespace slipway {
namespace {

constexpr const char* kProgram = "/usr/bin/caddy";

class CaddyProxy final : public RealProxy {
 public:
  explicit CaddyProxy(std::string program) : program_(std::move(program)) {
    const int admin = unusedPort();
    spec = {.type = ProxyType::Caddy,
            .service = "shop",
            .file = dir / "caddy.json",
            .admin = "127.0.0.1:" + std::to_string(admin),
            .timeout = std::chrono::seconds(20)};
    const std::string config = R"({"admin": {"listen": "ADMIN", "config": {"persist": false}},
      "logging": {"logs": {"default": {"level": "ERROR"}}},
      "apps": {"http": {"grace_period": "20s", "servers": {"edge": {"listen": ["127.0.0.1:PORT"],
        "automatic_https": {"disable": true},
        "routes": [{"handle": [{"@id": "shop", "handler": "reverse_proxy",
                                "upstreams": [{"dial": "127.0.0.1:WEB1", "max_requests": 1000}]}]}]}}}}})";
    writeFile(spec.file, replaced(replaced(replaced(config, "ADMIN", spec.admin), "PORT", std::to_string(port)), "WEB1",
                                  std::to_string(web1.port())));
  }
  ~CaddyProxy() override { stop(); }

  void start() override {
    run({program_, "run", "--config", spec.file});
    awaitPort(adminPort());
  }
  void editByHand() override {
    Json handler = *parseJson(original());
    handler["upstreams"] = Json::array({Json::object({{"dial", "127.0.0.1:" + std::to_string(web1.port())}})});
    handler["load_balancing"] = Json::object();
    ask("PATCH", "/id/shop", handler.dump());
    writeFile(spec.file, ask("GET", "/config/", ""));
  }
  std::string original() override {
    const Result<Json> handler = parseJson(ask("GET", "/id/shop", ""));
    return handler ? handler->dumpCanonical() : "";
  }
  // The old server of each change closes the connections that it has not begun to read: now and then also the second
  // one.
  int retries() const override { return 5; }
  std::string firstName() const override { return "127.0.0.1:" + std::to_string(web1.port()); }

 private:
  int adminPort() const { return std::atoi(spec.admin.c_str() + spec.admin.rfind(':') + 1); }
  std::string ask(const std::string& method, const std::string& path, const std::string& body) const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(adminPort()));
    std::string out;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      // HTTP/1.0: an answer without chunks.
      const std::string request =
          method + " " + path + " HTTP/1.0\r\nHost: " + spec.admin +
          "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
      char piece[8192];
      for (ssize_t n; (n = ::recv(fd, piece, sizeof piece, 0)) > 0;) out.append(piece, static_cast<std::size_t>(n));
    }
    ::close(fd);
    const std::size_t at = out.find("\r\n\r\n");
    return at == std::string::npos ? "" : out.substr(at + 4);
  }
  std::string program_;
};

}  // namespace

ProxyKind caddyKind() {
  return {"caddy", runnable(kProgram) ? "" : "Caddy is not installed (Debian package caddy)",
          [] { return std::make_unique<CaddyProxy>(kProgram); }};
}

ProxyKind newCaddyKind() {
  const std::string program = builtProgram("caddy-v2.10.2");
  return {"caddyOfToday",
          runnable(program) ? "" : "not built: tests/support/real/go_program.sh caddy does that, where go is installed",
          [program] { return std::make_unique<CaddyProxy>(program); }};
}

}  // namespace slipway
