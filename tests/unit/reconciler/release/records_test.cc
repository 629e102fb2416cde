#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/release/summary.h"
#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// Which records and Events a rollout makes, beyond what they say.
class RecordsTest : public testing::Test {
 protected:
  static std::string version(const ReleaseStage& stage) { return stage.objects.list(kRelease, "")->resourceVersion; }

  // What was written of the Release since.
  std::vector<ReleaseStatus> shownSince(const std::string& version) {
    std::vector<ReleaseStatus> out;
    auto stream = *stage.objects.watch(kRelease, version, [] {});
    while (auto event = stream->tryNext()) {
      out.push_back(releaseFromJson(*event->object)->status);
    }
    return out;
  }

  ReleaseStage stage{3};
};

TEST_F(RecordsTest, TellTheReleaseOfEverythingAndTheRunOfWhatGoesWrongAndItsEnd) {
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_THAT(stage.events.told, Contains(HasSubstr("Preparing Release/shop")));
  EXPECT_THAT(stage.events.told, Contains(HasSubstr("Completed Release/shop")));
  EXPECT_THAT(stage.events.told, Contains(HasSubstr("Completed ReleaseRun/shop-1")));
  EXPECT_THAT(stage.events.told, Not(Contains(HasSubstr("Preparing ReleaseRun/shop-1"))));
  stage.provider.answers["prepare web2"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Invalid, "the build failed");
  };
  stage.apply("1.1.0");
  stage.settle();
  EXPECT_THAT(stage.events.told, Contains(HasSubstr("PrepareFailed ReleaseRun/shop-2")));
}

TEST_F(RecordsTest, MirrorEachPhaseAtOnceAndWhatMovesWithinOneAfterAMoment) {
  stage.apply("1.0.0");
  const std::string before = version(stage);
  stage.provider.held = {"prepare web3"};
  stage.settle(Duration(0));
  EXPECT_EQ(stage.release().status.phase, "Preparing");
  const std::vector<ReleaseStatus> shown = shownSince(before);
  for (std::size_t i = 1; i < shown.size(); ++i) {
    EXPECT_FALSE(release::onlyMoved(shown[i - 1], shown[i])) << shown[i].message;
  }
  for (int moments = 0; moments < 3; ++moments) {
    stage.clock.advance(release::Mailbox::kGather);
    stage.settle(std::chrono::seconds(1));
  }
  EXPECT_EQ(stage.release().status.step, "prepared 2/3");
  stage.provider.release();
  stage.settle();
  EXPECT_EQ(stage.release().status.phase, "Completed");
  EXPECT_EQ(stage.release().status.message, stage.run(1).status.message);
}

TEST_F(RecordsTest, AreReadAgainWhenSomebodyElseWroteThem) {
  stage.apply("1.0.0");
  stage.provider.held = {"prepare web3"};
  stage.settle(Duration(0));
  Json note;
  note["metadata"]["annotations"]["example.org/note"] = "seen";
  ASSERT_TRUE(stage.objects.mergePatch(kReleaseRun, {"default", "shop-1"}, note));
  ASSERT_TRUE(stage.objects.mergePatch(kRelease, stage.key, note));
  stage.provider.release();
  stage.settle();
  EXPECT_TRUE(stage.last) << stage.last.toString();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Completed);
}

TEST_F(RecordsTest, BeginARunWithItsServersAndItsFencingNumberInOne) {
  stage.apply("1.0.0");
  const std::string before = version(stage);
  stage.settle();
  auto stream = *stage.objects.watch(kReleaseRun, before, [] {});
  ASSERT_TRUE(stream->tryNext()) << "the object";
  const ReleaseRun first = *runFromJson(*stream->tryNext()->object);
  EXPECT_EQ(first.status.targets.size(), 3U);
  EXPECT_GT(first.status.fence, 0U);
}

}  // namespace
}  // namespace slipway
