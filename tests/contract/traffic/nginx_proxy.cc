#include <algorithm>
#include <filesystem>

#include "tests/contract/traffic/real_proxy.h"

namespace slipway {
namespace {

constexpr const char* kProgram = "/usr/sbin/nginx";

class NginxProxy final : public RealProxy {
 public:
  NginxProxy() {
    std::filesystem::create_directory(dir / "conf.d");
    const std::string base =
        std::string(kProgram) + " -p " + dir.path() + " -e " + (dir / "error.log") + " -c " + (dir / "nginx.conf");
    spec = {.type = ProxyType::Nginx,
            .service = "shop",
            .file = dir / "conf.d/shop.conf",
            .pidFile = dir / "nginx.pid",
            .test = base + " -t",
            .reload = base + " -s reload",
            .timeout = std::chrono::seconds(20)};
    std::string config =
        "daemon off;\nworker_processes 2;\npid DIR/nginx.pid;\nworker_shutdown_timeout 20s;\n"
        "events { worker_connections 1024; }\n"
        "http {\n  access_log off;\n  client_body_temp_path DIR/t1;\n  proxy_temp_path DIR/t2;\n"
        "  fastcgi_temp_path DIR/t3;\n  uwsgi_temp_path DIR/t4;\n  scgi_temp_path DIR/t5;\n"
        "  include DIR/conf.d/*.conf;\n"
        "  server {\n    listen 127.0.0.1:PORT backlog=4096;\n    location / { proxy_pass http://shop; "
        "proxy_http_version 1.1; "
        "proxy_set_header Connection \"\"; }\n  }\n}\n";
    writeFile(dir / "nginx.conf", replaced(replaced(config, "DIR", dir.path()), "PORT", std::to_string(port)));
    writeFile(spec.file, "# the shop\nupstream shop {\n    server 127.0.0.1:" + std::to_string(web1.port()) +
                             " weight=5 max_fails=0;  # by hand\n    keepalive 8;\n}\n");
  }
  ~NginxProxy() override { stop(); }

  void start() override {
    run({kProgram, "-p", dir.path(), "-e", dir / "error.log", "-c", dir / "nginx.conf"});
    for (int i = 0; i < 500 && readFile(spec.pidFile).empty(); ++i) ::poll(nullptr, 0, 10);
  }
  void editByHand() override {
    const std::string text = readFile(spec.file);
    const std::size_t at = text.find("server 127.0.0.1:" + std::to_string(web1.port()));
    writeFile(spec.file, text.substr(0, at) + replaced(text.substr(at), "weight=", "weight=1"));
  }
  std::string original() override { return readFile(spec.file); }
  TrafficBackend unacceptable() const override { return {"gone", "no-such-host.invalid", 80}; }
  std::string firstName() const override { return "127.0.0.1:" + std::to_string(web1.port()); }
  std::string generation() override {
    std::vector<std::string> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string stat = readFile(entry.path().string() + "/stat");
      const std::size_t at = stat.rfind(") ");
      if (at != std::string::npos && std::atoi(stat.c_str() + at + 4) == pid_) pids.push_back(entry.path().filename());
    }
    std::sort(pids.begin(), pids.end());
    std::string out;
    for (const std::string& pid : pids) out += pid + " ";
    return out;
  }
};

}  // namespace

ProxyKind nginxKind() {
  return {"nginx", runnable(kProgram) ? "" : "nginx is not installed (Debian package nginx)",
          [] { return std::make_unique<NginxProxy>(); }};
}

}  // namespace slipway
