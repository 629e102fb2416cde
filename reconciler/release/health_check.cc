#include "reconciler/release/health_check.h"

#include "reconciler/base/strings.h"

namespace slipway::release {

HttpClientRequest healthRequest(const Health& health, const std::string& address) {
  const HttpCheck& check = *health.http;
  const bool ipv6 = address.find(':') != std::string::npos;
  HttpClientRequest request;
  request.url = cat(check.scheme, "://", ipv6 ? cat("[", address, "]") : address, ":", check.port, check.path);
  if (!check.host.empty()) {
    request.headers.emplace_back("Host", check.host);
  }
  request.timeout = health.timeout;
  request.verifyCertificate = !check.insecureSkipVerify;
  return request;
}

namespace {

Status judge(const Health& health, const std::string& url, const Result<HttpClientResponse>& response) {
  if (!response) {
    return response.status().withContext(cat("health check GET ", url));
  }
  const HttpCheck& check = *health.http;
  if (response->status < check.minStatus || response->status > check.maxStatus) {
    return {Code::Conflict, cat("health check GET ", url, ": got status ", response->status, ", expected ",
                                check.minStatus, " to ", check.maxStatus)};
  }
  return Status::ok();
}

}  // namespace

void checkHealth(HttpClient& http, Metrics& metrics, const Health& health, const std::string& address,
                 std::function<void(Status)> done) {
  const auto count = [&metrics](std::string_view type, const Status& status) {
    metrics.add(kHealthChecks, {{"type", std::string(type)}, {"result", status ? "ok" : "failed"}});
  };
  auto checkHttp = [&http, count, health, address, done](const Status& tcp) {
    if (health.tcpPort.has_value()) {
      count("tcp", tcp);
    }
    if (!tcp) {
      done(tcp.withContext(cat("health check tcp ", address, ":", *health.tcpPort)));
      return;
    }
    if (!health.http.has_value()) {
      done(Status::ok());
      return;
    }
    HttpClientRequest request = healthRequest(health, address);
    const std::string url = request.url;
    http.send(std::move(request), [count, health, url, done](const Result<HttpClientResponse>& response) {
      Status verdict = judge(health, url, response);
      count("http", verdict);
      done(std::move(verdict));
    });
  };
  if (health.tcpPort.has_value()) {
    http.connect(address, *health.tcpPort, health.timeout, checkHttp);
  } else {
    checkHttp(Status::ok());
  }
}

}  // namespace slipway::release
