#include "reconciler/release/room.h"

#include <gtest/gtest.h>

#include "tests/support/fakes/fake_provider.h"

namespace slipway::release {
namespace {

StepResult seen(std::int64_t freeBytes) {
  StepResult result;
  result.observed.freeBytes = freeBytes;
  return result;
}

TEST(MakingRoom, LooksThenRemovesWhatRetentionAllowsThenLooksAgain) {
  FakeProvider provider;
  StepRequest request;
  request.operationId = "op";
  request.action = RetireStep{{"2.0.0", "1.0.0"}};
  std::optional<StepResult> result;
  makeRoom(provider, request, [&](const std::string& id, StepResult got) {
    EXPECT_EQ(id, "op");
    result = std::move(got);
  });
  EXPECT_TRUE(std::holds_alternative<ObserveStep>(provider.request().action));
  provider.answer(seen(10 << 10));
  EXPECT_EQ(std::get<RetireStep>(provider.request().action).keep, (std::vector<std::string>{"2.0.0", "1.0.0"}));
  EXPECT_FALSE(result.has_value());
  provider.answer();
  EXPECT_TRUE(std::holds_alternative<ObserveStep>(provider.request().action));
  provider.answer(seen(900 << 10));
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->status);
  EXPECT_EQ(result->status.message(), "free before: 10 KiB, after old releases were removed: 900 KiB");
}

TEST(MakingRoom, EndsWithTheFirstStepThatFails) {
  FakeProvider provider;
  StepRequest request;
  request.operationId = "op";
  request.action = RetireStep{};
  std::optional<StepResult> result;
  makeRoom(provider, request, [&](const std::string&, StepResult got) { result = std::move(got); });
  provider.refuse(Code::Unavailable, "no answer");
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->status.code(), Code::Unavailable);
  EXPECT_EQ(provider.waiting(), 0U);
}

}  // namespace
}  // namespace slipway::release
