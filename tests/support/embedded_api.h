#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/apiserver/api_server.h"
#include "reconciler/apiserver/delete_collector.h"
#include "reconciler/apiserver/in_process_api.h"
#include "reconciler/apiserver/registry_install.h"
#include "reconciler/base/strings.h"
#include "tests/support/fake_clock.h"
#include "tests/support/mem_store.h"
#include "tests/support/seeded_random.h"

namespace slipway::apiserver {

// What a handler answered: a response, or a stream with what was written to it so far.
class CapturedAnswer final : public HttpResponder, public std::enable_shared_from_this<CapturedAnswer> {
 public:
  void send(HttpResponse sent) override { response = std::move(sent); }
  std::shared_ptr<HttpStream> stream(HttpResponse head) override {
    response = std::move(head);
    streaming = std::make_shared<Captured>();
    return streaming;
  }

  struct Captured final : HttpStream {
    bool write(std::string chunk) override {
      text += chunk;
      return !full;
    }
    std::size_t waiting() const override { return unread; }
    void end() override { ended = true; }
    void onClosed(std::function<void()> callback) override { closed = std::move(callback); }
    std::string text;
    bool ended = false;
    bool full = false;       // the client is gone
    std::size_t unread = 0;  // what the client has not taken yet
    std::function<void()> closed;
  };

  HttpResponse response;
  std::shared_ptr<Captured> streaming;

  // The stream's lines, each parsed.
  std::vector<Json> events() const {
    std::vector<Json> out;
    for (const std::string& line : split(streaming->text, '\n')) {
      if (!line.empty()) {
        out.push_back(parseJson(line).valueOr(Json()));
      }
    }
    return out;
  }
};

inline Json parsedJson(std::string_view text) { return parseJson(text).valueOr(Json("not JSON")); }

// A definition of releases.lab.example.dev with status, scale, a default, a list-map and a selectable field.
inline Json labDefinition() {
  return parsedJson(R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
    "metadata":{"name":"releases.lab.example.dev"},
    "spec":{"group":"lab.example.dev","scope":"Namespaced",
      "names":{"plural":"releases","singular":"release","kind":"Release","listKind":"ReleaseList"},
      "versions":[{"name":"v1","served":true,"storage":true,
        "subresources":{"status":{},"scale":{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.replicas"}},
        "selectableFields":[{"jsonPath":".spec.channel"}],
        "schema":{"openAPIV3Schema":{"type":"object","properties":{
          "spec":{"type":"object","required":["version"],"properties":{
            "version":{"type":"string","minLength":1},
            "channel":{"type":"string","enum":["stable","beta"],"default":"stable"},
            "replicas":{"type":"integer","maximum":100}}},
          "status":{"type":"object","properties":{"phase":{"type":"string"},"replicas":{"type":"integer"}}}}}}}]}})");
}

// The whole API server without sockets and threads of its own, over a store in memory that commits on the caller's
// thread: what a write wakes is woken when it returns. Requests are an administrator's.
class EmbeddedApi {
 public:
  explicit EmbeddedApi(std::shared_ptr<MemStore> shared = std::make_shared<MemStore>(MemStore::Mode::Manual),
                       const RunLog* log = nullptr)
      : store(std::move(shared)) {
    auto opened = Registry::open({*store, clock, random, metrics, logger});
    registry = *std::move(opened);
    writer = std::make_unique<ObjectWriter>(*registry);
    installed = install(*registry, *writer, {labDefinition()});
    collector = std::make_unique<DeleteCollector>(*registry, *writer);
    pump = std::make_unique<StreamPump>(clock);
    server = std::make_unique<ApiServer>(ApiServerParts{*registry, *writer, *pump, authorizer, log, {}});
    inProcess = std::make_unique<InProcessApi>(*registry, *writer);
  }

  std::shared_ptr<CapturedAnswer> send(HttpRequest request) {
    if (request.principal.user.empty()) {
      request.principal = {"admin", {"system:masters"}};
    }
    auto answer = std::make_shared<CapturedAnswer>();
    server->handle(request, answer);
    drain();
    return answer;
  }
  // `url` may have a query: "/api/v1/secrets?limit=1&continue=x".
  static HttpRequest request(const std::string& method, const std::string& url, const std::string& body = {},
                             const std::string& contentType = "application/json") {
    HttpRequest out;
    out.method = method;
    out.path = url.substr(0, url.find('?'));
    if (out.path.size() < url.size()) {
      for (const std::string& pair : split(url.substr(out.path.size() + 1), '&')) {
        const std::size_t equals = pair.find('=');
        out.query.emplace_back(pair.substr(0, equals), equals == std::string::npos ? "" : pair.substr(equals + 1));
      }
    }
    out.headers = {{"content-type", contentType}, {"user-agent", "test/1"}};
    out.body = body;
    return out;
  }
  // Status and body, as JSON.
  std::pair<int, Json> call(const std::string& method, const std::string& url, const std::string& body = {},
                            const std::string& contentType = "application/json") {
    const auto answer = send(request(method, url, body, contentType));
    return {answer->response.status, parsedJson(answer->response.body)};
  }
  Json get(const std::string& url) { return call("GET", url).second; }
  std::pair<int, Json> mergePatch(const std::string& url, const std::string& body) {
    return call("PATCH", url, body, "application/merge-patch+json");
  }
  std::shared_ptr<CapturedAnswer> watch(const std::string& url) { return send(request("GET", url)); }

  // Runs streams and the collector until nothing is left to do.
  void drain() {
    while (pump->step() || collector->step()) {
    }
  }
  void advance(Duration by) {
    clock.advance(by);
    drain();
  }

  std::shared_ptr<MemStore> store;
  FakeClock clock;
  SeededRandom random;
  NullMetrics metrics;
  NullLogger logger;
  MastersAuthorizer authorizer;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<ObjectWriter> writer;
  std::unique_ptr<DeleteCollector> collector;
  std::unique_ptr<StreamPump> pump;
  std::unique_ptr<ApiServer> server;
  std::unique_ptr<InProcessApi> inProcess;
  Status installed;

  static constexpr const char* kReleases = "/apis/lab.example.dev/v1/namespaces/default/releases";
};

inline std::string labRelease(const std::string& name, const std::string& spec = R"({"version":"1"})",
                              const std::string& metadata = {}) {
  return cat(R"({"apiVersion":"lab.example.dev/v1","kind":"Release","metadata":{"name":")", name, "\"", metadata,
             R"(},"spec":)", spec, "}");
}

inline std::string textAt(const Json& json, std::initializer_list<std::string_view> path) {
  const Json* at = json.at(path);
  return at == nullptr ? std::string("missing") : at->isString() ? at->asString() : at->dump();
}

}  // namespace slipway::apiserver
