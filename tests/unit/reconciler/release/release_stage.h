#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "reconciler/release/release_reconciler.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_metrics.h"
#include "tests/support/fake_objects.h"
#include "tests/support/fakes/fake_analyst.h"
#include "tests/support/fakes/fake_traffic_manager.h"
#include "tests/support/fakes/held_http_client.h"
#include "tests/unit/reconciler/release/scripted_provider.h"

namespace slipway {

class FakeSource final : public ArtifactSource {
 public:
  Result<SourceRevision> resolve(const SourceSpec&, const SourceCredentials&) override {
    ++resolved;
    return status ? Result<SourceRevision>(SourceRevision{revision, revision}) : Result<SourceRevision>(status);
  }
  Result<std::shared_ptr<const Artifact>> fetch(const SourceSpec&, const SourceCredentials&,
                                                const SourceRevision& asked) override {
    if (!status) {
      return status;
    }
    return std::shared_ptr<const Artifact>(
        std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{{"version.txt", {asked.id}}}));
  }

  std::string revision = "r1";
  Status status;
  int resolved = 0;
};

// What people were told, in order: "Reason about-what".
class FakeEvents final : public EventSink {
 public:
  void record(const ObjectRef& about, EventType, const std::string& reason, const std::string& message) override {
    told.push_back(cat(reason, " ", about.kind, "/", about.name, ": ", message));
  }
  std::vector<std::string> told;
};

class FakeLeases final : public Leases {
 public:
  Result<LeaseGrant> acquire(const ObjectKey& lease, const LeaseClaim& claim) override {
    std::string& owner = holders[lease];
    if (!owner.empty() && owner != claim.holder) {
      return Status(Code::Conflict, cat("lease ", lease.toString(), " is held by ", owner));
    }
    fence = std::max(fence, claim.atLeast) + (owner.empty() ? 1 : 0);
    owner = claim.holder;
    return LeaseGrant{fence};
  }
  Status renew(const ObjectKey& lease, const std::string& holder) override {
    return holders[lease] == holder ? Status() : Status(Code::Conflict, "lost");
  }
  Status release(const ObjectKey& lease, const std::string& holder) override {
    if (holders[lease] == holder) {
      holders.erase(lease);
    }
    return {};
  }

  std::map<ObjectKey, std::string> holders;
  std::uint64_t fence = 0;
};

// One Release `shop` in namespace default over servers web1 … webN, with the real reconciler on fakes.
class ReleaseStage {
 public:
  explicit ReleaseStage(int servers = 3) {
    Json secret = Json::object({{"data", Json::object({{"ssh-privatekey", "a2V5"}})}});
    create(kSecret, "login", std::move(secret));
    Json names = Json::array();
    for (int i = 1; i <= servers; ++i) {
      addServer(cat("web", i));
      names.push(cat("web", i));
    }
    create(kDestination, "web", Json::object({{"spec", Json::object({{"servers", names}})}}));
    restart();
  }

  void addServer(const std::string& name) {
    Json spec =
        Json::object({{"address", cat("10.0.0.", name.back())}, {"hostKeys", Json::array({"ssh-ed25519 AAAA"})}});
    spec["keySecretRef"]["name"] = "login";
    create(kServer, name, Json::object({{"spec", std::move(spec)}}));
  }

  // Another process on the same store: what the old one knew and waited for is gone.
  void restart() {
    provider.loseWaiting();
    traffic.loseWaiting();
    outbound.loseWaiting();
    analyst.loseWaiting();
    woken = true;
    reconciler =
        std::make_unique<release::ReleaseReconciler>(release::Services{objects,
                                                                       objects,
                                                                       objects,
                                                                       provider,
                                                                       http,
                                                                       source,
                                                                       leases,
                                                                       pool,
                                                                       runLog,
                                                                       events,
                                                                       metrics,
                                                                       clock,
                                                                       log,
                                                                       "slipwayd",
                                                                       [this](const ObjectKey&) { woken = true; },
                                                                       {{ProxyType::Caddy, &traffic}},
                                                                       &analyst,
                                                                       &outbound});
  }

  // Creates or changes the Release: `spec` is merged over what it has.
  void apply(const std::string& version, const Json& spec = Json::object()) {
    Json whole = *parseJson(R"({"source":{"directory":{"path":"/src"}},"destinations":[{"name":"web"}],
                                "layout":{"root":"/srv/shop"},"health":{"attempts":2,"interval":"1s"}})");
    whole["version"] = version;
    for (const auto& [name, value] : spec.asObject()) {
      whole[name] = value;
    }
    if (objects.get(kRelease, key)) {
      Json patch;
      patch["spec"] = whole;
      ASSERT_TRUE(objects.mergePatch(kRelease, key, patch));
    } else {
      create(kRelease, key.name, Json::object({{"spec", whole}}));
    }
    woken = true;
  }

  void ask(const std::string& verb, const std::string& token) {
    Json patch;
    patch["metadata"]["annotations"][cat("slipway.dev/", verb)] = token;
    ASSERT_TRUE(objects.mergePatch(kRelease, key, patch));
    woken = true;
  }

  void addTemplate(const std::string& name, const std::string& spec) {
    create(kAnalysisTemplate, name, Json::object({{"spec", *parseJson(spec)}}));
  }

  // Reconciles until there is nothing to do now; waits of up to `patience` pass on the fake clock.
  void settle(Duration patience = std::chrono::minutes(5)) {
    for (int round = 0; round < 1000; ++round) {
      if (!woken && patience <= Duration(0)) {
        return;
      }
      woken = false;
      Result<Action> action = reconciler->reconcile(key);
      last = action.status();
      const bool again = !action || action->requeueAfter.has_value();
      if (woken) {
        continue;
      }
      if (!again) {
        return;
      }
      if (action && *action->requeueAfter <= Duration(0)) {
        woken = true;
        continue;
      }
      const Duration pause = action ? std::max<Duration>(*action->requeueAfter, std::chrono::milliseconds(1))
                                    : Duration(std::chrono::seconds(1));
      if (patience < pause) {
        return;
      }
      patience -= pause;
      clock.advance(pause);
      woken = true;
    }
    ADD_FAILURE() << "does not settle";
  }

  Release release() const { return *releaseFromJson(**objects.get(kRelease, key)); }
  bool exists() const { return objects.get(kRelease, key).status().isOk(); }
  ReleaseRun run(int number) const {
    auto object = objects.get(kReleaseRun, {key.ns, cat(key.name, "-", number)});
    return object ? *runFromJson(**object) : ReleaseRun{};
  }
  std::size_t runs() const { return objects.list(kReleaseRun, key.ns)->items.size(); }
  std::string ready() const {
    const Release now = release();
    const Condition* condition = findCondition(now.status.conditions, "Ready");
    return condition == nullptr ? "" : condition->status;
  }
  std::string verdict(const std::string& verb) const { return release().status.handledRequests[verb].result; }

  const ObjectKey key{"default", "shop"};
  FakeObjects objects;
  FakeClock clock;
  FakeMetrics metrics;
  ScriptedProvider provider;
  FakeTrafficManager traffic;  // of every caddy
  HeldHttpClient outbound;     // where hooks send requests
  FakeAnalyst analyst;
  FakeSource source;
  FakeLeases leases;
  FakeEvents events;
  bool woken = true;
  Status last;  // of the last reconciliation
  std::unique_ptr<release::ReleaseReconciler> reconciler;

 private:
  struct InlinePool final : WorkerPool {
    void post(std::function<void()> work) override { work(); }
  };
  struct NoLog final : RunLog {
    void append(const std::string&, const std::string&, std::string_view) override {}
    Result<RunLogChunk> read(const std::string&, const std::string&, std::uint64_t, std::size_t) const override {
      return Status(Code::NotFound, "");
    }
    std::vector<std::string> targets(const std::string&) const override { return {}; }
    void remove(const std::string&) override {}
  };
  struct NoHttp final : HttpClient {
    void send(HttpClientRequest, std::function<void(Result<HttpClientResponse>)> done) override {
      done(HttpClientResponse{200, ""});
    }
    void connect(const std::string&, int, Duration, std::function<void(Status)> done) override { done(Status()); }
  };

  void create(const Kind& kind, const std::string& name, Json object) {
    object["apiVersion"] = kind.apiVersion();
    object["kind"] = kind.kind;
    object["metadata"]["name"] = name;
    object["metadata"]["namespace"] = key.ns;
    ASSERT_TRUE(objects.create(kind, object));
  }

  NoHttp http;
  InlinePool pool;
  NoLog runLog;
  NullLogger log;
};

}  // namespace slipway
