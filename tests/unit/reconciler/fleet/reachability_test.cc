#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/fleet/destination_reconciler.h"
#include "reconciler/fleet/server_reconciler.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_metrics.h"
#include "tests/support/fakes/fake_command_runner.h"
#include "tests/support/fakes/fleet_objects.h"

namespace slipway::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RecordedEvents final : public EventSink {
 public:
  void record(const ObjectRef& about, EventType, const std::string& reason, const std::string&) override {
    said.push_back(about.name + " " + reason);
  }
  std::vector<std::string> said;
};

class Reachability : public testing::Test {
 protected:
  void SetUp() override { addServer(objects, "web1"); }

  Duration reconcile(const std::string& name = "web1") {
    const Result<Action> action = servers.reconcile({"default", name});
    EXPECT_TRUE(action) << action.status().toString();
    return action->requeueAfter.value_or(Duration(0));
  }
  // Asks and answers.
  void answer(const Result<int>& exit) {
    reconcile();
    runner.end(exit);
    reconcile();
  }
  Json server(const std::string& name = "web1") { return **objects.get(kServer, {"default", name}); }
  Condition condition(const std::string& type) {
    const std::vector<Condition> all = conditionsFromJson(server().at({"status", "conditions"}));
    const Condition* found = findCondition(all, type);
    return found == nullptr ? Condition{} : *found;
  }

  FakeObjects objects;
  FakeCommandRunner runner;
  FakeClock clock;
  FakeMetrics metrics;
  RecordedEvents events;
  int woken = 0;
  Status access;
  ServerProbe probe{{runner, clock, metrics,
                     [this](const ObjectMeta& meta) -> Result<RemoteTarget> {
                       if (!access) return access;
                       RemoteTarget target;
                       target.name = meta.name;
                       return target;
                     },
                     [this](const ObjectKey&) { ++woken; }}};
  ServerReconciler servers{{objects, objects, events, metrics, clock}, probe};
};

TEST_F(Reachability, AServerIsAskedAtOnceAndThenOncePerInterval) {
  reconcile();
  EXPECT_THAT(runner.running(), ElementsAre("web1"));
  EXPECT_EQ(condition("Ready").status, "True") << "configured; nothing else is known";
  EXPECT_EQ(condition("Reachable").status, "");
  runner.end(0);
  EXPECT_EQ(woken, 1);
  const Duration next = reconcile();
  EXPECT_EQ(condition("Reachable").status, "True");
  EXPECT_EQ(condition("HostKeyVerified").status, "True");
  EXPECT_EQ(condition("Ready").reason, "Answers");
  EXPECT_EQ(server().at({"status", "seenAt"})->asString(), formatTime(clock.wall()));
  EXPECT_EQ(metrics.value("slipway_server_reachable", {{"namespace", "default"}, {"server", "web1"}}), 1);
  EXPECT_LE(next, std::chrono::minutes(5));
  EXPECT_GE(next, std::chrono::minutes(4));
  const std::size_t writes = objects.writes();
  clock.advance(std::chrono::minutes(4));
  reconcile();
  EXPECT_THAT(runner.running(), IsEmpty());
  EXPECT_EQ(objects.writes(), writes);
  clock.advance(std::chrono::minutes(1));
  reconcile();
  EXPECT_THAT(runner.running(), ElementsAre("web1"));
  EXPECT_THAT(events.said, IsEmpty()) << "that it answers is no news";
}

TEST_F(Reachability, AChangeIsAnEventAndLastSeenStays) {
  answer(0);
  const std::string seen = server().at({"status", "seenAt"})->asString();
  clock.advance(std::chrono::minutes(5));
  answer(Status(Code::Unavailable, "no connection to web1"));
  EXPECT_EQ(condition("Reachable").status, "False");
  EXPECT_EQ(condition("Reachable").message, "no connection to web1");
  EXPECT_EQ(condition("Ready").reason, "Unreachable");
  EXPECT_EQ(server().at({"status", "seenAt"})->asString(), seen);
  EXPECT_EQ(metrics.value("slipway_server_reachable", {{"namespace", "default"}, {"server", "web1"}}), 0);
  clock.advance(std::chrono::minutes(5));
  answer(Status(Code::Timeout, "still nothing"));
  clock.advance(std::chrono::minutes(5));
  answer(Status(Code::Denied, "another host key"));
  EXPECT_EQ(condition("HostKeyVerified").status, "Unknown");
  EXPECT_EQ(condition("Ready").reason, "AccessRefused");
  clock.advance(std::chrono::minutes(5));
  answer(0);
  EXPECT_THAT(events.said, ElementsAre("web1 Unreachable", "web1 AccessRefused", "web1 Reachable"));
}

TEST_F(Reachability, ARestartAsksNobodyBeforeTheirTurnAndNotAllAtOnce) {
  std::set<Duration> turns;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "app" + std::to_string(i);
    addServer(objects, name);
    reconcile(name);
    if (!runner.running().empty()) runner.end(0);
    reconcile(name);
  }
  clock.advance(std::chrono::hours(2));
  ServerProbe restarted(
      {runner, clock, metrics, [](const ObjectMeta&) { return RemoteTarget{}; }, [](const ObjectKey&) {}});
  ServerReconciler again({objects, objects, events, metrics, clock}, restarted);
  for (int i = 0; i < 40; ++i) {
    const Result<Action> action = again.reconcile({"default", "app" + std::to_string(i)});
    turns.insert(*action->requeueAfter);
  }
  EXPECT_THAT(runner.running(), IsEmpty());
  EXPECT_GT(turns.size(), 20U);
  EXPECT_LE(*turns.rbegin(), std::chrono::seconds(30));
}

TEST_F(Reachability, OnlySoManyAreAskedAtOnce) {
  for (int i = 0; i < 40; ++i) {
    addServer(objects, "app" + std::to_string(i));
    reconcile("app" + std::to_string(i));
  }
  EXPECT_EQ(runner.running().size(), 16U);
}

TEST_F(Reachability, WithoutAnIntervalNothingIsAskedAndNothingClaimed) {
  answer(0);
  Json patch = Json::object();
  patch["spec"]["probe"]["interval"] = "0s";
  ASSERT_TRUE(objects.mergePatch(kServer, {"default", "web1"}, patch));
  EXPECT_EQ(reconcile(), Duration(0));
  EXPECT_THAT(runner.running(), IsEmpty());
  EXPECT_EQ(condition("Reachable").status, "");
  EXPECT_EQ(condition("Ready").reason, "Configured");
}

TEST_F(Reachability, AChangedServerIsAskedAnew) {
  answer(0);
  Json patch = Json::object();
  patch["spec"]["address"] = "192.0.2.9";
  ASSERT_TRUE(objects.mergePatch(kServer, {"default", "web1"}, patch));
  reconcile();
  EXPECT_THAT(runner.running(), ElementsAre("web1"));
}

TEST_F(Reachability, WhatIsMissingToReachItIsSaid) {
  access = Status(Code::Denied, "Secret 'login' has no data key 'x'");
  reconcile();
  reconcile();
  EXPECT_THAT(condition("Reachable").message, HasSubstr("Secret 'login'"));
}

TEST_F(Reachability, ADestinationNamesTheRunsThatWorkThere) {
  const auto run = [](const char* name, const char* place, const char* outcome) {
    const Json there = Json::object({{"name", place}});
    return Json::object({{"apiVersion", kReleaseRun.apiVersion()},
                         {"kind", "ReleaseRun"},
                         {"metadata", Json::object({{"name", name}, {"namespace", "default"}})},
                         {"spec", Json::object({{"template", Json::object({{"destinations", Json::array({there})}})}})},
                         {"status", Json::object({{"outcome", outcome}})}});
  };
  EXPECT_TRUE(isOpenOn(run("shop-1", "web", ""), "web"));
  EXPECT_FALSE(isOpenOn(run("shop-1", "web", ""), "other"));
  EXPECT_FALSE(isOpenOn(run("shop-1", "web", "Completed"), "web"));
  for (const Json& each : {run("shop-2", "web", ""), run("blog-7", "web", ""), run("shop-1", "web", "Failed")}) {
    ASSERT_TRUE(objects.create(kReleaseRun, each));
  }
  Json destination = Json::object({{"apiVersion", kDestination.apiVersion()}, {"kind", "Destination"}});
  destination["metadata"] = Json::object({{"name", "web"}, {"namespace", "default"}});
  destination["spec"]["servers"] = Json::Array{Json("web1")};
  ASSERT_TRUE(objects.create(kDestination, destination));
  DestinationReconciler destinations(objects, objects, events, clock);
  ASSERT_TRUE(destinations.reconcile({"default", "web"}));
  const Json seen = **objects.get(kDestination, {"default", "web"});
  EXPECT_EQ(seen.at({"status", "activeRun"})->asString(), "blog-7, shop-2");
}

TEST_F(Reachability, AServerSaysWhatItHas) {
  reconcile();
  runner.end(0, "cpu 4\nmemory 2000 kB\ndisk 100\n");
  reconcile();
  const Json status = *server().find("status");
  EXPECT_EQ(status.at({"capacity", "cpuMilli"})->asInt(), 4000);
  EXPECT_EQ(status.at({"capacity", "memory"})->asInt(), 2048000);
  EXPECT_EQ(status.at({"capacity", "diskFree"})->asInt(), 102400);
}

TEST_F(Reachability, AServerThatSaysNothingUsefulHasNoCapacityButAnswers) {
  reconcile();
  runner.end(0, "cpu \ndisk -5\nmemory x\n\n\x01 99999999999999999999");
  reconcile();
  EXPECT_EQ(server().at({"status", "capacity"}), nullptr);
  EXPECT_EQ(condition("Reachable").status, "True");
}

TEST_F(Reachability, ADestinationCountsWhoAnswers) {
  addServer(objects, "web2");
  Json destination = Json::object({{"apiVersion", kDestination.apiVersion()}, {"kind", "Destination"}});
  destination["metadata"] = Json::object({{"name", "web"}, {"namespace", "default"}});
  destination["spec"]["servers"] = Json::Array{Json("web1"), Json("web2")};
  ASSERT_TRUE(objects.create(kDestination, destination));
  DestinationReconciler destinations(objects, objects, events, clock);
  answer(0);
  ASSERT_TRUE(destinations.reconcile({"default", "web"}));
  const Json status = *(**objects.get(kDestination, {"default", "web"})).find("status");
  EXPECT_EQ(status.getInt("serverCount"), 2);
  EXPECT_EQ(status.getInt("reachable"), 1);
}

TEST_F(Reachability, ADestinationKeepsARecordOfItsLock) {
  Json destination = Json::object({{"apiVersion", kDestination.apiVersion()}, {"kind", "Destination"}});
  destination["metadata"] = Json::object({{"name", "web"}, {"namespace", "default"}});
  destination["spec"]["servers"] = Json::Array{Json("web1")};
  destination["spec"]["lock"] = Json::object({{"message", "disk swap"}, {"by", "alice"}});
  ASSERT_TRUE(objects.create(kDestination, destination));
  DestinationReconciler destinations(objects, objects, events, clock);
  ASSERT_TRUE(destinations.reconcile({"default", "web"}));
  ASSERT_TRUE(destinations.reconcile({"default", "web"}));
  EXPECT_THAT(events.said, ElementsAre("web Locked"));
  Json broken;
  broken["spec"]["lock"] = Json();
  broken["metadata"]["annotations"]["slipway.dev/lock-override"] = "bob lifted the lock of alice: disk swap";
  ASSERT_TRUE(objects.mergePatch(kDestination, {"default", "web"}, broken));
  ASSERT_TRUE(destinations.reconcile({"default", "web"}));
  ASSERT_TRUE(destinations.reconcile({"default", "web"}));
  EXPECT_THAT(events.said, ElementsAre("web Locked", "web LockOverridden", "web Unlocked"));
  const Json status = *(**objects.get(kDestination, {"default", "web"})).find("status");
  EXPECT_EQ(status.getString("lockOverride"), "bob lifted the lock of alice: disk swap");
}

}  // namespace
}  // namespace slipway::fleet
