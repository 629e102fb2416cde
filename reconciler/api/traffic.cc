#include "reconciler/api/traffic.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "reconciler/base/strings.h"

namespace slipway {
namespace {

constexpr std::array<std::string_view, 4> kProxies{"nginx", "haproxy", "caddy", "traefik"};  // in the enum's order

// The weights for one scale, and how far the worst share is off, in points.
struct Attempt {
  std::vector<int> weights;
  double error = 0;
};

Attempt attempt(const std::vector<TrafficShare>& shares, double scale) {
  Attempt out;
  double total = 0;
  double asked = 0;
  for (const TrafficShare& share : shares) {
    const int weight =
        share.percent <= 0 || share.backends == 0
            ? 0
            : std::max(1, static_cast<int>(std::lround(share.percent * scale / static_cast<double>(share.backends))));
    out.weights.push_back(weight);
    total += weight * static_cast<double>(share.backends);
    asked += std::max(share.percent, 0);
  }
  for (std::size_t i = 0; i < shares.size() && total > 0 && asked > 0; ++i) {
    const double got = out.weights[i] * static_cast<double>(shares[i].backends) / total;
    out.error = std::max(out.error, std::abs(got - std::max(shares[i].percent, 0) / asked) * 100);
  }
  return out;
}

}  // namespace

std::string_view proxyName(ProxyType type) { return kProxies[static_cast<std::size_t>(type)]; }

std::string TrafficSpec::filePath() const {
  if (!file.empty()) {
    return file;
  }
  switch (type) {
    case ProxyType::Nginx:
      return cat("/etc/nginx/conf.d/", service, ".conf");
    case ProxyType::HaProxy:
      return "/etc/haproxy/haproxy.cfg";
    case ProxyType::Caddy:
      return {};
    case ProxyType::Traefik:
      break;
  }
  return cat("/etc/traefik/dynamic/", service, ".yml");
}

std::string TrafficSpec::adminAddress() const {
  if (!admin.empty()) {
    return admin;
  }
  switch (type) {
    case ProxyType::Nginx:
      return {};
    case ProxyType::HaProxy:
      return "/run/haproxy/admin.sock";
    case ProxyType::Caddy:
      return "127.0.0.1:2019";
    case ProxyType::Traefik:
      break;
  }
  return "127.0.0.1:8080";
}

std::string TrafficSpec::testCommand() const {
  if (!test.empty()) {
    return test;
  }
  switch (type) {
    case ProxyType::Nginx:
      return "nginx -t";
    case ProxyType::HaProxy:
      return cat("haproxy -c -f ", filePath());
    case ProxyType::Caddy:
    case ProxyType::Traefik:
      break;
  }
  return {};
}

std::string TrafficSpec::reloadCommand() const {
  if (!reload.empty()) {
    return reload;
  }
  switch (type) {
    case ProxyType::Nginx:
      return "nginx -s reload";
    case ProxyType::HaProxy:
      return "systemctl reload haproxy";
    case ProxyType::Caddy:
    case ProxyType::Traefik:
      break;
  }
  return {};
}

std::vector<int> backendWeights(const std::vector<TrafficShare>& shares) {
  // The smallest numbers that are right: weighted round robins are smoothest with them.
  double largest = 0;
  for (const TrafficShare& share : shares) {
    if (share.percent > 0 && share.backends > 0) {
      largest = std::max(largest, share.percent / static_cast<double>(share.backends));
    }
  }
  if (largest <= 0) {
    return std::vector<int>(shares.size(), 0);
  }
  Attempt best = attempt(shares, 1 / largest);
  for (int top = 2; top <= kMaxBackendWeight; ++top) {
    Attempt next = attempt(shares, top / largest);
    if (next.error + 1e-9 < best.error) {
      best = std::move(next);
    }
  }
  return best.weights;
}

void readTraffic(const Json& json, TrafficSpec& out, FieldReader& parent) {
  FieldReader fields(&json, "spec.traffic");
  fields.readEnum("type", {kProxies[0], kProxies[1], kProxies[2], kProxies[3]}, out.type);
  fields.read("servers", out.servers);
  fields.read("service", out.service);
  fields.read("writeService", out.writeService);
  fields.read("port", out.port);
  fields.read("file", out.file);
  fields.read("admin", out.admin);
  fields.read("pidFile", out.pidFile);
  fields.read("test", out.test);
  fields.read("reload", out.reload);
  fields.read("timeout", out.timeout);
  fields.read("drainTimeout", out.drainTimeout);
  parent.merge(fields);
}

Json toJson(const TrafficSpec& traffic) {
  Json out = Json::object({{"type", proxyName(traffic.type)}, {"service", traffic.service}});
  putList(out, "servers", traffic.servers);
  putText(out, "writeService", traffic.writeService);
  if (traffic.port != 0) {
    out["port"] = traffic.port;
  }
  putText(out, "file", traffic.file);
  putText(out, "admin", traffic.admin);
  putText(out, "pidFile", traffic.pidFile);
  putText(out, "test", traffic.test);
  putText(out, "reload", traffic.reload);
  out["timeout"] = formatDuration(traffic.timeout);
  out["drainTimeout"] = formatDuration(traffic.drainTimeout);
  return out;
}

}  // namespace slipway
