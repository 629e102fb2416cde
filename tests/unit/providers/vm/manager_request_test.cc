#include "providers/vm/manager_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/vm/host_request.h"

namespace slipway::vm {
namespace {

using testing::HasSubstr;
using testing::Not;

StepRequest request() {
  StepRequest out;
  out.operationId = "op";
  out.application = "default/shop";
  out.layout.root = "/srv/shop";
  return out;
}

TEST(UnitText, KeepsEveryCharacterOfWhatTheUserWrote) {
  SystemdUnit unit;
  unit.unit = "shop";
  unit.user = "www";
  unit.execStart = R"(./shop --name "a b" --port $PORT 100%)";
  unit.env = {{"A", "x\n\"y\" %d $z \\"}};
  const ProcessManager manager = unit;
  const StepRequest step = request();
  const SlotRef slot{"blue", 8081};
  const UnitText text = renderUnit(unit, {manager, step, slot, std::chrono::seconds(90)});
  EXPECT_THAT(text.before, HasSubstr("# Written by slipway for default/shop."));
  EXPECT_THAT(text.before, HasSubstr("Description=shop (production, blue)\n"));
  EXPECT_THAT(text.after, HasSubstr("User=www\nEnvironment=\"A=x\\n\\\"y\\\" %%d $z \\\\\"\n"));
  EXPECT_THAT(text.after, HasSubstr("Environment=\"PORT=8081\"\nEnvironment=\"SLOT=blue\"\n"));
  EXPECT_THAT(text.after, HasSubstr("ExecStart=/bin/sh -c \"exec ./shop --name \\\"a b\\\" --port $$PORT 100%%\"\n"));
  EXPECT_THAT(text.after, HasSubstr("TimeoutStartSec=90\n"));
  EXPECT_THAT(text.after, Not(HasSubstr("ExecReload")));
}

TEST(ManagerRequest, SendsTheScriptOfOneManagerAndOnlyThat) {
  const StepAction plain = ProcessStep{"start", "1", "true"};
  ProcessStep step{"start", "1", ""};
  step.manager = Pm2App{.app = "shop", .script = "main.js"};
  EXPECT_THAT(hostScript(plain), Not(HasSubstr("managerDo() {")));
  EXPECT_THAT(hostScript(step), HasSubstr("startOrReload"));
  EXPECT_THAT(hostScript(step), Not(HasSubstr("daemon-reload")));
  StepRequest whole = request();
  whole.action = step;
  const Result<std::string> encoded = encodeRequest(whole, std::chrono::seconds(9));
  ASSERT_TRUE(encoded) << encoded.status().toString();
  EXPECT_THAT(*encoded, HasSubstr("=pm2\n"));
}

TEST(ManagerRequest, AnApplicationOfPm2HasASlotsNamePortAndSettings) {
  const ProcessManager manager = Pm2App{.app = "shop", .script = "main.js", .instances = 3, .env = {{"A", "\"b\""}}};
  const StepRequest step = request();
  const SlotRef slot{"green", 8082};
  const auto settings = managerSettings({manager, step, slot});
  ASSERT_EQ(settings.size(), 5U);
  EXPECT_EQ(settings[0], "shop-green");
  EXPECT_THAT(settings[4], HasSubstr(R"("A":"\"b\"")"));
  EXPECT_THAT(settings[4], HasSubstr(R"("PORT":"8082")"));
}

}  // namespace
}  // namespace slipway::vm
