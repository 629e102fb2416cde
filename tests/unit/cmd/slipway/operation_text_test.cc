#include "cmd/slipway/views/operation_text.h"

#include <gmock/gmock.h>

namespace slipway::cli {
namespace {

using testing::HasSubstr;

Operation operation(OperationAction action, std::vector<OperationFact> facts) {
  Operation out;
  out.spec.action = action;
  OperationTarget target;
  target.name = "web1";
  target.state = OperationState::Done;
  target.facts = std::move(facts);
  out.status.targets.push_back(std::move(target));
  OperationTarget failed;
  failed.name = "web2";
  failed.state = OperationState::Failed;
  failed.message = "cannot be reached";
  out.status.targets.push_back(std::move(failed));
  return out;
}

TEST(OperationText, ProcessesSayWhatTheyRunAndSinceWhen) {
  const WallTime now = *parseTime("2026-01-01T00:01:30Z");
  const std::string text =
      operationText(operation(OperationAction::Processes, {{"Manager", {{"name", "pm2"}, {"unit", "shop"}}},
                                                           {"Process",
                                                            {{"pid", "4711"},
                                                             {"release", "1.2.0"},
                                                             {"since", "1767225600"},
                                                             {"memory", "157286400"},
                                                             {"restarts", "2"},
                                                             {"state", "online"},
                                                             {"command", "node server.js"}}}}),
                    now);
  EXPECT_THAT(text,
              HasSubstr("web1     pm2 shop   4711   1.2.0     1m30s   2          150 MiB   online   node server.js"));
  EXPECT_THAT(text, HasSubstr("web2: cannot be reached\n"));
}

TEST(OperationText, AServerWhereNothingRunsIsShown) {
  const std::string text = operationText(
      operation(OperationAction::Processes, {{"Manager", {{"name", "systemd"}, {"state", "loaded/failed/failed"}}}}),
      {});
  EXPECT_THAT(text, HasSubstr("web1"));
  EXPECT_THAT(text, HasSubstr("loaded/failed/failed"));
}

TEST(OperationText, MachinesAreToldLineByLine) {
  const std::string text = operationText(
      operation(OperationAction::System,
                {{"Disk",
                  {{"path", "/srv"}, {"mount", "/"}, {"size", "10737418240"}, {"free", "1610612736"}, {"used", "85%"}}},
                 {"Port", {{"port", "4001"}, {"pid", "12"}, {"process", "node"}, {"address", "*"}}},
                 {"Release", {{"name", "1.2.0"}, {"size", "2048"}, {"link", "current"}, {"ready", "yes"}}}}),
      {});
  EXPECT_THAT(text, HasSubstr("1.5 GiB free of 10.0 GiB, 85% used"));
  EXPECT_THAT(text, HasSubstr("node (12) on *"));
  EXPECT_THAT(text, HasSubstr("2.0 KiB, current"));
}

TEST(OperationText, DeviationsAndWhatWasFreedAreTables) {
  EXPECT_THAT(operationText(operation(OperationAction::Permissions,
                                      {{"Deviation", {{"path", "a"}, {"mode", "600"}, {"expected", "644"}}}}),
                            {}),
              HasSubstr("a      600    644"));
  EXPECT_THAT(operationText(operation(OperationAction::Permissions, {}), {}), HasSubstr("no deviations"));
  EXPECT_THAT(
      operationText(operation(OperationAction::Cleanup, {{"Freed", {{"releases", "3"}, {"bytes", "1048576"}}}}), {}),
      HasSubstr("1.0 MiB"));
}

TEST(OperationText, SizesAreShort) {
  EXPECT_EQ(sizeText(0), "0 B");
  EXPECT_EQ(sizeText(1023), "1023 B");
  EXPECT_EQ(sizeText(1536), "1.5 KiB");
  EXPECT_EQ(sizeText(157286400), "150 MiB");
}

}  // namespace
}  // namespace slipway::cli
