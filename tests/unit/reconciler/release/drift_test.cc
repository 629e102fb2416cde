#include "reconciler/release/drift.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/release/drift_watch.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fakes/fake_provider.h"
#include "tests/support/fakes/fleet_objects.h"
#include "tests/support/run_builder.h"

namespace slipway::release {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ReleaseRun ended(int servers, RunPhase phase) {
  ReleaseRun run = runOver(servers);
  run.status.phase = phase;
  for (RunTarget& target : run.status.targets) target.before = "1.0.0";
  return run;
}

DriftSight sight(const std::string& server, const std::string& current) {
  return {server, Status::ok(), current, !current.empty(), ""};
}

TEST(Drift, ExpectsWhatTheRunLeftOnEachServer) {
  ReleaseRun run = ended(1, RunPhase::Completed);
  EXPECT_EQ(expectedOn(run, run.status.targets[0], "0"), "2.0.0");
  run.status.phase = RunPhase::RolledBack;
  setAll(run, StepKind::Switch, StepState::Done);
  setAll(run, StepKind::Undo, StepState::Done);
  EXPECT_EQ(expectedOn(run, run.status.targets[0], "0"), "1.0.0");
  run = ended(1, RunPhase::Failed);
  EXPECT_EQ(expectedOn(run, run.status.targets[0], "0"), "1.0.0") << "nothing was switched";
  setAll(run, StepKind::Switch, StepState::Done);
  EXPECT_EQ(expectedOn(run, run.status.targets[0], "0"), "2.0.0") << "rollback.policy None left it";
  run = runOver(1);
  run.status.phase = RunPhase::Failed;
  EXPECT_EQ(expectedOn(run, run.status.targets[0], "0.9.0"), "0.9.0") << "it never came to the gate";
  EXPECT_EQ(expectedOn(run, run.status.targets[0], ""), "") << "nothing was ever deployed";
}

TEST(Drift, NamesTheServersThatDifferAndHow) {
  const ReleaseRun run = ended(3, RunPhase::Completed);
  DriftVerdict verdict = judgeDrift(run, "2.0.0", {sight("web1", "2.0.0"), sight("web2", "1.0.0"), sight("web3", "")});
  EXPECT_EQ(verdict.state, DriftVerdict::State::Drifted);
  EXPECT_EQ(verdict.message, "web2: current is 1.0.0, expected 2.0.0; web3: current is missing, expected 2.0.0");
  EXPECT_THAT(verdict.servers, ElementsAre("web2", "web3"));
  EXPECT_EQ(verdict.expected, "2.0.0");

  DriftSight dangling = sight("web1", "2.0.0");
  dangling.present = false;
  dangling.problem = "it does not exist";
  EXPECT_THAT(judgeDrift(run, "", {dangling}).message, HasSubstr("(it does not exist)"));
  EXPECT_EQ(judgeDrift(run, "", {sight("web1", "2.0.0"), sight("web2", "2.0.0")}).state, DriftVerdict::State::None);
}

TEST(Drift, IsUnknownWhereAServerDoesNotAnswer) {
  const ReleaseRun run = ended(2, RunPhase::Completed);
  const DriftSight silent{"web2", Status(Code::Unavailable, "web2: no connection"), "", false, ""};
  DriftVerdict verdict = judgeDrift(run, "", {sight("web1", "2.0.0"), silent});
  EXPECT_EQ(verdict.state, DriftVerdict::State::Unknown);
  EXPECT_THAT(verdict.message, HasSubstr("web2: no connection"));
  EXPECT_EQ(judgeDrift(run, "", {sight("web1", "1.0.0"), silent}).state, DriftVerdict::State::Drifted);
}

TEST(Drift, IsShownAndTakesReadyAwayWhileItLasts) {
  ReleaseStatus status;
  setCondition(status.conditions, {"Ready", "True", "Completed", "", {}, 1}, {});
  DriftVerdict verdict;
  verdict.state = DriftVerdict::State::Drifted;
  verdict.message = "web2: current is 1.0.0, expected 2.0.0";
  showDrift(status, verdict, 1, {});
  judgeReadiness(status, 1, {});
  EXPECT_EQ(status.drift, "Drifted");
  EXPECT_EQ(findCondition(status.conditions, "Drifted")->message, verdict.message);
  EXPECT_EQ(findCondition(status.conditions, "Ready")->reason, "Drifted");
  setCondition(status.conditions, {"Ready", "True", "Completed", "", {}, 1}, {});
  showDrift(status, {}, 1, {});
  judgeReadiness(status, 1, {});
  EXPECT_EQ(status.drift, "None");
  EXPECT_EQ(findCondition(status.conditions, "Drifted"), nullptr);
  EXPECT_EQ(findCondition(status.conditions, "Ready")->status, "True");
}

class Watching : public testing::Test {
 protected:
  void SetUp() override {
    addServer(objects, "web1");
    addServer(objects, "web2");
    Json destination = Json::object({{"apiVersion", kDestination.apiVersion()}, {"kind", "Destination"}});
    destination["metadata"] = Json::object({{"name", "web"}, {"namespace", "default"}});
    destination["spec"]["servers"] = Json::Array{Json("web1"), Json("web2")};
    ASSERT_TRUE(objects.create(kDestination, destination));
    release.meta.name = "shop";
    release.meta.ns = "default";
    release.meta.uid = "release-uid";
    run.spec.spec.destinations.push_back({"web", {}, {}});
    for (RunTarget& target : run.status.targets) {
      target.uid = metaFromJson(**objects.get(kServer, {"default", target.name})).uid;
    }
  }
  StepResult seen(const std::string& current) {
    StepResult result;
    result.observed.current = current;
    result.observed.releases.push_back({current, "", "", true});
    return result;
  }

  FakeObjects objects;
  FakeProvider provider;
  FakeClock clock;
  int woken = 0;
  DriftWatch watch{objects, provider, clock, [this](const ObjectKey&) { ++woken; }};
  Release release;
  ReleaseRun run = ended(2, RunPhase::Completed);
};

TEST_F(Watching, LooksAtEveryServerOncePerInterval) {
  watch.tend(release, run);
  clock.advance(std::chrono::seconds(30));
  EXPECT_EQ(watch.tend(release, run), kDriftInterval);
  ASSERT_EQ(provider.waiting(), 2U);
  EXPECT_TRUE(std::holds_alternative<ObserveStep>(provider.request().action));
  provider.answer(seen("2.0.0"));
  EXPECT_FALSE(watch.take(release.meta.key(), run).has_value()) << "the other has not answered";
  EXPECT_EQ(woken, 0);
  provider.answer(seen("1.0.0"));
  EXPECT_EQ(woken, 1);
  const auto sights = watch.take(release.meta.key(), run);
  ASSERT_TRUE(sights.has_value());
  EXPECT_THAT(judgeDrift(run, "", *sights).servers, ElementsAre("web2"));
  EXPECT_FALSE(watch.take(release.meta.key(), run).has_value()) << "once";

  watch.tend(release, run);
  EXPECT_EQ(provider.waiting(), 0U) << "no polling in between";
  clock.advance(kDriftInterval);
  watch.tend(release, run);
  EXPECT_EQ(provider.waiting(), 2U);
}

// One that died, or runs an older release, while the link is right.
TEST_F(Watching, LooksAtTheProcessesOfAManagerWhereTheLinksAreRight) {
  run.spec.spec.process = Process{.servers = {"web1", "web2"}, .manager = SystemdUnit{}};
  watch.tend(release, run);
  clock.advance(std::chrono::seconds(30));
  watch.tend(release, run);
  provider.answer(seen("2.0.0"));
  provider.answer(seen("1.0.0"));
  EXPECT_EQ(woken, 0);
  ASSERT_EQ(provider.waiting(), 1U) << "where the link is wrong there is nothing to look at";
  const auto look = std::get<VerifyStep>(provider.request().action);
  EXPECT_EQ(look.releaseId, "2.0.0");
  EXPECT_EQ(std::get<SystemdUnit>(look.manager.value()).unit, "shop");
  provider.refuse(Code::Unavailable, "web1: shop.service: it does not run", "check");
  EXPECT_EQ(woken, 1);
  auto sights = watch.take(release.meta.key(), run);
  ASSERT_TRUE(sights.has_value());
  DriftVerdict verdict = judgeDrift(run, "", *sights);
  EXPECT_EQ(verdict.message, "web1: shop.service: it does not run; web2: current is 1.0.0, expected 2.0.0");
  EXPECT_TRUE(verdict.links);
  std::erase_if(*sights, [](const DriftSight& one) { return one.server == "web2"; });
  verdict = judgeDrift(run, "", *sights);
  ReleaseStatus status;
  showDrift(status, verdict, 1, {});
  EXPECT_EQ(findCondition(status.conditions, "Drifted")->reason, "ProcessChanged");
}

TEST_F(Watching, ALookAtProcessesThatCouldNotBeMadeSaysNothing) {
  run.spec.spec.process = Process{.servers = {"web1"}, .manager = SystemdUnit{}};
  watch.tend(release, run);
  clock.advance(std::chrono::seconds(30));
  watch.tend(release, run);
  provider.answer(seen("2.0.0"));
  provider.answer(seen("2.0.0"));
  ASSERT_EQ(provider.waiting(), 1U);
  provider.refuse(Code::Conflict, "web1: the lock is held", "lock");
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(judgeDrift(run, "", *watch.take(release.meta.key(), run)).state, DriftVerdict::State::None);
}

TEST_F(Watching, FirstLooksAreSpreadAndSoon) {
  std::set<Duration> moments;
  for (int i = 0; i < 50; ++i) {
    release.meta.name = "shop-" + std::to_string(i);
    release.meta.uid = "uid-" + std::to_string(i);
    moments.insert(watch.tend(release, run));
  }
  EXPECT_EQ(provider.waiting(), 0U);
  EXPECT_GT(moments.size(), 20U);
  EXPECT_LE(*moments.rbegin(), std::chrono::seconds(30));
}

TEST_F(Watching, ForgetsWhatItSawWhenAnotherRunHasEnded) {
  watch.tend(release, run);
  clock.advance(std::chrono::seconds(30));
  watch.tend(release, run);
  ReleaseRun other = run;
  other.meta.uid = "other";
  watch.tend(release, other);
  provider.answer(seen("2.0.0"));
  provider.answer(seen("2.0.0"));
  EXPECT_FALSE(watch.take(release.meta.key(), other).has_value());
}

TEST_F(Watching, LeavesAloneWhatIsNoLongerTheReleases) {
  run.status.targets[0].gone = true;
  run.status.targets[1].uid = "of an earlier machine";
  watch.tend(release, run);
  clock.advance(std::chrono::seconds(30));
  watch.tend(release, run);
  EXPECT_EQ(provider.waiting(), 0U);
}

}  // namespace
}  // namespace slipway::release
