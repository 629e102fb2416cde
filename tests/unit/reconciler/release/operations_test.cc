// What operators ask of a release's servers outside of runs.
#include <gmock/gmock.h>

#include "reconciler/release/operations/operation_reconciler.h"
#include "reconciler/release/operations/stop_mark.h"
#include "reconciler/release/run_driver.h"
#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct KeptLog final : RunLog {
  void append(const std::string& run, const std::string& target, std::string_view text) override {
    text_[run + "/" + target] += text;
  }
  Result<RunLogChunk> read(const std::string& run, const std::string& target, std::uint64_t,
                           std::size_t) const override {
    const auto found = text_.find(run + "/" + target);
    return found == text_.end() ? Result<RunLogChunk>(Status(Code::NotFound, ""))
                                : RunLogChunk{found->second, 0, false};
  }
  std::vector<std::string> targets(const std::string&) const override { return {}; }
  void remove(const std::string& run) override {
    std::erase_if(text_, [&](const auto& one) { return one.first.starts_with(run + "/"); });
  }
  std::map<std::string, std::string> text_;
};

// Answers every operation as it was told to, at once or when asked to go on.
class FakeServers final : public ServerOperator {
 public:
  void start(ServerOperation operation, ServerOperationEvents events) override {
    const std::string name = operation.verb + " " + operation.target.name;
    started.push_back(name);
    if (held) {
      const std::string id = operation.operationId;
      waiting.emplace(id, std::pair(std::move(operation), std::move(events)));
      return;
    }
    last = operation;
    events.done({}, facts[name]);
  }
  void cancel(const std::string& operationId) override {
    if (auto found = waiting.extract(operationId)) {
      found.mapped().second.done(StepResult::refused(Status(Code::Cancelled, "cancelled"), ""), {});
    }
  }

  bool held = false;
  std::vector<std::string> started;
  std::map<std::string, std::vector<std::string>> facts;
  ServerOperation last;
  std::map<std::string, std::pair<ServerOperation, ServerOperationEvents>> waiting;
};

class Operating : public testing::Test {
 protected:
  void SetUp() override {
    stage.apply("1.0.0", *parseJson(R"({"process":{"command":{"start":"up","stop":"down","reload":"again"}}})"));
    stage.settle();
    ASSERT_EQ(stage.release().status.versions.applied, "1.0.0") << stage.release().status.message;
    stage.provider.started.clear();
    stage.provider.operations.clear();
    restart();
  }

  // Another process on the same store.
  void restart() {
    stage.provider.loseWaiting();
    reconciler = std::make_unique<release::OperationReconciler>(release::OperationReconciler::Ports{
        stage.objects, stage.objects, stage.objects, stage.provider, servers, stage.leases, log, stage.events,
        stage.metrics, stage.clock, logger, "slipwayd", [this](const ObjectKey&) { woken = true; }});
  }

  void ask(OperationSpec spec, const std::string& name = "op") {
    if (spec.release.empty() && spec.servers.empty()) {
      spec.release = "shop";
    }
    spec.requestedBy = "ana@desk";
    ObjectMeta meta;
    meta.name = name;
    meta.ns = "default";
    Json object = newObject(kOperation, meta);
    object["spec"] = toJson(spec);
    ASSERT_TRUE(stage.objects.create(kOperation, object));
    settle(name);
  }
  void settle(const std::string& name = "op") {
    woken = true;
    for (int round = 0; woken && round < 100; ++round) {
      woken = false;
      last = reconciler->reconcile({"default", name}).status();
    }
  }
  Operation operation(const std::string& name = "op") const {
    return *operationFromJson(**stage.objects.get(kOperation, {"default", name}));
  }
  std::string stopped() {
    stage.woken = true;
    stage.settle(std::chrono::seconds(0));
    const Release release = stage.release();
    const Condition* condition = findCondition(release.status.conditions, "Stopped");
    return condition == nullptr ? "" : condition->message;
  }
  static OperationSpec spec(OperationAction action) {
    OperationSpec spec;
    spec.action = action;
    return spec;
  }

  ReleaseStage stage;
  FakeServers servers;
  KeptLog log;
  NullLogger logger;
  bool woken = false;
  Status last;
  std::unique_ptr<release::OperationReconciler> reconciler;
};

TEST_F(Operating, WhatIsSeenOnEachServerIsInTheRecordAndNoLeaseIsTaken) {
  servers.facts["processes web2"] = {"Manager\tname=pm2", "Process\tpid=4711\trelease=1.0.0"};
  const auto leases = stage.leases.fence;
  ask(spec(OperationAction::Processes));
  const Operation done = operation();
  EXPECT_EQ(done.status.phase, OperationPhase::Succeeded) << done.status.message;
  EXPECT_THAT(servers.started, ElementsAre("processes web1", "processes web2", "processes web3"));
  EXPECT_EQ(servers.last.releaseId, "1.0.0");
  ASSERT_EQ(done.status.targets.at(1).facts.size(), 2U);
  EXPECT_EQ(done.status.targets.at(1).facts.at(1), (OperationFact{"Process", {{"pid", "4711"}, {"release", "1.0.0"}}}));
  EXPECT_EQ(stage.leases.fence, leases);
}

TEST_F(Operating, ALogIsKeptUnderTheOperationAndGoesWithIt) {
  servers.held = true;
  ask(spec(OperationAction::Logs));
  const auto& [request, events] = servers.waiting.begin()->second;
  events.output("line\n");
  EXPECT_EQ(log.text_.at(operation().meta.uid + "/" + request.target.name), "line\n");
  EXPECT_EQ(request.words, (std::vector<std::string>{"Combined", "50"}));
  ASSERT_TRUE(stage.objects.remove(kOperation, {"default", "op"}, ""));
  settle();
  EXPECT_THAT(servers.waiting, IsEmpty()) << "nobody waits for it any more";
  EXPECT_THAT(log.text_, IsEmpty());
}

TEST_F(Operating, ServersAreRestartedOneAfterAnotherAndNoneAfterAFailure) {
  stage.provider.held = {"process web1"};
  ask(spec(OperationAction::Restart));
  EXPECT_THAT(stage.provider.started, ElementsAre("process web1"));
  const auto step = std::get<ProcessStep>(stage.provider.waiting.begin()->second.first.action);
  EXPECT_EQ(step.action, "restart");
  EXPECT_EQ(step.releaseId, "1.0.0");
  EXPECT_THAT(step.run, HasSubstr("down"));
  stage.provider.answers["process web2"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Unavailable, "web2: it did not start");
  };
  stage.provider.release();
  settle();
  const Operation done = operation();
  EXPECT_EQ(done.status.phase, OperationPhase::Failed);
  EXPECT_THAT(done.status.message, HasSubstr("restart on 1 of 3 servers; web2: it did not start"));
  EXPECT_EQ(done.status.targets.at(2).state, OperationState::Pending);
  EXPECT_THAT(stage.provider.started, ElementsAre("process web1", "process web2"));
  EXPECT_THAT(stage.leases.holders, IsEmpty()) << "leases are given back";
  EXPECT_THAT(stage.events.told.back(), HasSubstr("OperationFailed Release/shop: restart, asked for by ana@desk"));
}

TEST_F(Operating, AllAtOnceRestartsThemTogether) {
  stage.provider.held = {"process web1", "process web2", "process web3"};
  OperationSpec wanted = spec(OperationAction::Restart);
  wanted.allAtOnce = true;
  ask(wanted);
  EXPECT_EQ(stage.provider.waiting.size(), 3U);
}

TEST_F(Operating, ARunThatIsOpenIsNotDisturbed) {
  stage.provider.held = {"prepare web1"};
  stage.apply("2.0.0");
  stage.settle(std::chrono::seconds(0));
  for (const OperationAction action : {OperationAction::Stop, OperationAction::Cleanup, OperationAction::Restart}) {
    const std::string name(actionName(action));
    ask(spec(action), name);
    EXPECT_EQ(operation(name).status.phase, OperationPhase::Refused);
    EXPECT_THAT(operation(name).status.message, HasSubstr("run shop-2 is going on"));
  }
  EXPECT_EQ(stopped(), "");
  ask(spec(OperationAction::Processes));
  EXPECT_EQ(operation().status.phase, OperationPhase::Succeeded) << "looking is no harm";
}

TEST_F(Operating, ARunThatBeginsMeanwhileWaitsForTheLease) {
  stage.provider.held = {"process web1"};
  ask(spec(OperationAction::Restart));
  const ObjectKey lease = release::leaseKey("default", "shop", "web");
  EXPECT_EQ(stage.leases.holders[lease], "slipwayd/operation/op");
  stage.apply("2.0.0");
  stage.settle(std::chrono::seconds(0));
  EXPECT_EQ(stage.provider.count("prepare web1"), 0U);
  stage.provider.release();
  settle();
  stage.settle();
  EXPECT_EQ(stage.release().status.versions.applied, "2.0.0");
  ASSERT_TRUE(stage.leases.acquire(lease, {"somebody", std::chrono::seconds(30), 0}));
  ask(spec(OperationAction::Restart), "late");
  EXPECT_EQ(operation("late").status.phase, OperationPhase::Refused);
  EXPECT_THAT(operation("late").status.message, HasSubstr("is held by somebody"));
}

TEST_F(Operating, AStoppedReleaseSaysSoUntilItIsStartedOrAnotherRunBegins) {
  ask(spec(OperationAction::Stop));
  EXPECT_EQ(operation().status.phase, OperationPhase::Succeeded) << operation().status.message;
  EXPECT_THAT(stopped(), HasSubstr("its processes were stopped by ana@desk: slipway process start shop"));
  EXPECT_EQ(stage.ready(), "False");
  EXPECT_EQ(stage.runs(), 1U) << "nobody fights it";
  ask(spec(OperationAction::Start), "start");
  EXPECT_EQ(operation("start").status.phase, OperationPhase::Succeeded);
  EXPECT_EQ(stopped(), "");
  EXPECT_EQ(stage.ready(), "True");
  ask(spec(OperationAction::Stop), "again");
  EXPECT_NE(stopped(), "");
  stage.apply("2.0.0");
  stage.settle();
  EXPECT_EQ(stopped(), "");
  EXPECT_EQ(stage.ready(), "True");
}

TEST_F(Operating, ACrashHalfWayGoesOnUnderTheSameOperationId) {
  stage.provider.held = {"process web1"};
  ask(spec(OperationAction::Restart));
  const std::string id = stage.provider.operations.back();
  EXPECT_EQ(operation().status.targets.at(0).state, OperationState::Running);
  restart();
  stage.provider.held.clear();
  settle();
  EXPECT_EQ(operation().status.phase, OperationPhase::Succeeded) << operation().status.message;
  EXPECT_THAT(stage.provider.started, ElementsAre("process web1", "process web1", "process web2", "process web3"));
  EXPECT_EQ(stage.provider.operations.at(1), id);
}

TEST_F(Operating, WhatCannotBeDoneIsRefusedWithTheReason) {
  OperationSpec elsewhere = spec(OperationAction::Processes);
  elsewhere.release = "other";
  ask(elsewhere, "unknown");
  EXPECT_THAT(operation("unknown").status.message, HasSubstr("spec.releaseRef: there is no Release 'other'"));
  OperationSpec narrowed = spec(OperationAction::Processes);
  narrowed.release = "shop";
  narrowed.servers = {"web9"};
  ask(narrowed, "server");
  EXPECT_THAT(operation("server").status.message, HasSubstr("'web9' is no server of Release 'shop', which has web1"));
  EXPECT_EQ(operation("server").status.phase, OperationPhase::Refused);
}

TEST_F(Operating, ACleanUpKeepsWhatARunKeepsAndInAnEmergencyNothingMore) {
  OperationSpec usual = spec(OperationAction::Cleanup);
  ask(usual, "usual");
  EXPECT_THAT(servers.last.words, ElementsAre("usual", "1.0.0"));
  EXPECT_TRUE(servers.last.changes);
  usual.emergency = true;
  ask(usual, "emergency");
  EXPECT_THAT(servers.last.words, ElementsAre("emergency"));
}

TEST_F(Operating, MachinesNeedNoRelease) {
  OperationSpec system = spec(OperationAction::System);
  system.servers = {"web2"};
  const int looks = stage.provider.looks;
  ask(system);
  EXPECT_EQ(operation().status.phase, OperationPhase::Succeeded) << operation().status.message;
  EXPECT_THAT(servers.started, ElementsAre("system web2"));
  EXPECT_EQ(stage.provider.looks, looks);
}

TEST_F(Operating, ARecordIsRemovedAfterItsTime) {
  OperationSpec restart = spec(OperationAction::Restart);
  restart.ttl = std::chrono::minutes(1);
  ask(restart);
  stage.clock.advance(std::chrono::seconds(50));
  settle();
  EXPECT_TRUE(stage.objects.get(kOperation, {"default", "op"}));
  stage.clock.advance(std::chrono::seconds(20));
  settle();
  EXPECT_FALSE(stage.objects.get(kOperation, {"default", "op"}));
}

}  // namespace
}  // namespace slipway
