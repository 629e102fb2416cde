#include "tests/contract/traffic/real_proxy.h"

namespace slipway {
namespace {

constexpr const char* kProgram = "/usr/sbin/haproxy";

class HaProxyProxy final : public RealProxy {
 public:
  // With `writes`, a second frontend at `writePort` whose backend spec.writeService names.
  explicit HaProxyProxy(bool writes = false) {
    spec = {.type = ProxyType::HaProxy,
            .service = "shop",
            .file = dir / "haproxy.cfg",
            .admin = dir / "admin.sock",
            .timeout = std::chrono::seconds(20)};
    std::string config =
        "global\n    stats socket DIR/admin.sock mode 600 level admin expose-fd listeners\n    hard-stop-after 30s\n"
        "    maxconn 2000\n\n"
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n\n"
        "frontend public\n    bind 127.0.0.1:PORT backlog 4096\n    default_backend shop\n\n"
        "backend shop\n    balance roundrobin\n    # the first of all\n    server web1 127.0.0.1:WEB1 weight 5 maxconn "
        "500\n\n"
        "# the end\n";
    if (writes) {
      writePort = unusedPort();
      spec.writeService = "shop-write";
      config =
          replaced(config, "balance roundrobin\n",
                   "balance roundrobin\n    option redispatch\n    default-server check inter 200ms fall 2 rise 2\n");
      config +=
          "frontend writes\n    bind 127.0.0.1:WRITE\n    default_backend shop-write\n\nbackend shop-write\n"
          "    balance first\n    option redispatch\n    default-server check inter 200ms fall 2 rise 2\n"
          "    server web1 127.0.0.1:WEB1\n";
      config = replaced(config, "WRITE", std::to_string(writePort));
    }
    writeFile(spec.file, replaced(replaced(replaced(config, "DIR", dir.path()), "PORT", std::to_string(port)), "WEB1",
                                  std::to_string(web1.port())));
  }
  ~HaProxyProxy() override { stop(); }

  void start() override {
    run({kProgram, "-W", "-db", "-f", spec.file});
    spec.test = spec.testCommand();
    spec.reload = "kill -USR2 " + std::to_string(pid_);
  }
  // Over the socket, as one does in a hurry.
  void editByHand() override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, spec.admin.c_str(), sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      const std::string command = "set server shop/web1 weight 77\n";
      ::send(fd, command.data(), command.size(), MSG_NOSIGNAL);
      char piece[100];
      while (::recv(fd, piece, sizeof piece, 0) > 0) {
      }
    }
    ::close(fd);
  }
  std::string original() override { return readFile(spec.file); }
  TrafficBackend unacceptable() const override { return {"gone", "no-such-host.invalid", 80}; }
};

}  // namespace

ProxyKind haproxyKind() {
  return {"haproxy", runnable(kProgram) ? "" : "HAProxy is not installed (Debian package haproxy)",
          [] { return std::make_unique<HaProxyProxy>(); }};
}

ProxyKind haproxyWithWritesKind() {
  ProxyKind kind = haproxyKind();
  kind.make = [] { return std::make_unique<HaProxyProxy>(true); };
  return kind;
}

}  // namespace slipway
