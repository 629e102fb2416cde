#include <filesystem>

#include "tests/contract/traffic/real_proxy.h"

namespace slipway {
namespace {

class TraefikProxy final : public RealProxy {
 public:
  explicit TraefikProxy(std::string program) : program_(std::move(program)) {
    const int admin = unusedPort();
    std::filesystem::create_directory(dir / "dynamic");
    spec = {.type = ProxyType::Traefik,
            .service = "shop",
            .file = dir / "dynamic/shop.yml",
            .admin = "127.0.0.1:" + std::to_string(admin),
            .timeout = std::chrono::seconds(30)};
    const std::string config =
        "entryPoints:\n  web: {address: \"127.0.0.1:PORT\"}\n  traefik: {address: \"ADMIN\"}\n"
        "api: {insecure: true}\nproviders:\n  providersThrottleDuration: 1s\n  file: {directory: \"DIR/dynamic\", "
        "watch: true}\n"
        "serversTransport: {forwardingTimeouts: {idleConnTimeout: 1s}}\n"
        "global: {checkNewVersion: false, sendAnonymousUsage: false}\nlog: {level: ERROR}\n";
    writeFile(
        dir / "traefik.yml",
        replaced(replaced(replaced(config, "ADMIN", spec.admin), "PORT", std::to_string(port)), "DIR", dir.path()));
    writeFile(dir / "dynamic/routers.yml",
              "http:\n  routers:\n    shop: {rule: \"PathPrefix(`/`)\", service: shop, entryPoints: [web]}\n");
    writeFile(spec.file,
              "http:\n  services:\n    shop:\n      loadBalancer:\n        servers:\n          - url: "
              "\"http://127.0.0.1:" +
                  std::to_string(web1.port()) + "\"\n");
  }
  ~TraefikProxy() override { stop(); }

  void start() override {
    run({program_, "--configFile=" + (dir / "traefik.yml")});
    for (int i = 0; i < 1000 && httpGet(port).empty(); ++i) ::poll(nullptr, 0, 10);
  }
  void editByHand() override { writeFile(spec.file, replaced(readFile(spec.file), "weight: 5", "weight: 6")); }
  std::string original() override { return readFile(spec.file); }
  std::string firstName() const override { return "127.0.0.1:" + std::to_string(web1.port()); }

 private:
  std::string program_;
};

std::string program() {
  for (const char* installed : {"/usr/bin/traefik", "/usr/local/bin/traefik"}) {
    if (runnable(installed)) return installed;
  }
  return builtProgram("traefik-v3.5.3");
}

}  // namespace

ProxyKind traefikKind() {
  return {
      "traefik",
      runnable(program()) ? "" : "not built: tests/support/real/go_program.sh traefik does that, where go is installed",
      [] { return std::make_unique<TraefikProxy>(program()); }};
}

}  // namespace slipway
