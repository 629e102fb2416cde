#include "reconciler/api/strategy.h"

#include <gtest/gtest.h>

#include "reconciler/api/release.h"
#include "reconciler/base/strings.h"
#include "tests/unit/reconciler/api/release_admission.h"

namespace slipway {
namespace {

const char* const kSlots =
    R"("slots":{"blue":{"port":81},"green":{"port":82}},"process":{"command":{"start":"a","stop":"b"}},"traffic":{"type":"caddy","service":"shop"},)";

std::string canary(const std::string& members) {
  return cat(kSlots, R"("strategy":{"type":"Canary","canary":{)", members, "}}");
}

TEST(StrategyRules, TakeWhatCanBeDone) {
  EXPECT_EQ(refusalOfSpec(cat(kSlots, R"("strategy":{"type":"BlueGreen","blueGreen":{"autoPromote":false}})")), "");
  EXPECT_EQ(refusalOfSpec(canary(R"("steps":[{"setWeight":5},{"pause":{}},{"setWeight":5},{"setScale":"50%"},
                                       {"analysis":{"templates":["a"]}},{"setWeight":100}])")),
            "");
  EXPECT_EQ(refusalOfSpec(R"("strategy":{"type":"Canary","canary":{"steps":[{"setWeight":25}]}},
                       "traffic":{"type":"caddy","service":"shop","servers":["edge"],"port":80})"),
            "");
  EXPECT_EQ(refusalOfSpec(cat(kSlots, R"("strategy":{"type":"Rolling","rolling":{"maxUnavailable":0,"maxSurge":1}})")),
            "");
}

TEST(StrategyRules, TakeGroupsOfServersInPlaceOfSlots) {
  const auto groups = [](const std::string& more, const std::string& beside) {
    return refusalOfSpec(cat(beside, R"("strategy":{"type":"BlueGreen","blueGreen":{)", more, R"("groups":[
        {"name":"a","matchLabels":{"side":"a"}},{"name":"b","matchLabels":{"side":"b"}}]}})"));
  };
  const std::string proxy = R"("traffic":{"type":"nginx","service":"shop","servers":["edge"],"port":80},)";
  EXPECT_EQ(groups(R"("oldGroup":"Keep",)", proxy), "");
  EXPECT_NE(groups("", kSlots).find("spec.strategy.blueGreen.groups"), std::string::npos);
  EXPECT_NE(groups("", R"("traffic":{"type":"nginx","service":"shop"},)").find("spec.traffic.servers"),
            std::string::npos);
  EXPECT_NE(groups("", "").find("spec.traffic"), std::string::npos);
  EXPECT_NE(refusalOfSpec(cat(proxy, R"("strategy":{"type":"BlueGreen","blueGreen":{"groups":[
                              {"name":"a","matchLabels":{"side":"a"}}]}})"))
                .find("spec.strategy.blueGreen.groups"),
            std::string::npos)
      << "one group";
  EXPECT_NE(refusalOfSpec(cat(kSlots, R"("strategy":{"type":"BlueGreen","blueGreen":{"oldGroup":"Keep"}})"))
                .find("spec.strategy.blueGreen.oldGroup"),
            std::string::npos);
}

TEST(StrategyRules, RefuseACookieThatTheProxyCannotSet) {
  const auto sticky = [](const std::string& proxy, const std::string& cookie) {
    return refusalOfSpec(cat(
        R"("slots":{"blue":{"port":81},"green":{"port":82}},
        "process":{"command":{"start":"a","stop":"b"}},"traffic":{"service":"shop",)",
        proxy, R"(},"strategy":{"type":"Canary","canary":{"steps":[{"setWeight":5}],"stickiness":{)", cookie, "}}}"));
  };
  EXPECT_EQ(sticky(R"("type":"haproxy","servers":["edge"])", R"("maxAge":"1h")"), "");
  const std::string nginx = sticky(R"("type":"nginx","servers":["edge"])", "");
  EXPECT_NE(nginx.find("spec.strategy.canary.stickiness"), std::string::npos) << nginx;
  EXPECT_NE(nginx.find("open source nginx sets no cookie"), std::string::npos) << nginx;
  EXPECT_NE(sticky(R"("type":"haproxy")", "").find("spec.strategy.canary.stickiness"), std::string::npos);
  EXPECT_NE(sticky(R"("type":"caddy","servers":["edge"])", R"("cookie":"a;b")").find("stickiness.cookie"),
            std::string::npos);
}

TEST(StrategyRules, RefuseWeightsOutOfBoundsOrOrder) {
  EXPECT_NE(refusalOfSpec(canary(R"("steps":[{"setWeight":101}])")).find("spec.strategy.canary.steps[0].setWeight"),
            std::string::npos);
  const std::string falls = refusalOfSpec(canary(R"("steps":[{"setWeight":50},{"pause":{}},{"setWeight":20}])"));
  EXPECT_NE(falls.find("spec.strategy.canary.steps"), std::string::npos) << falls;
  EXPECT_NE(falls.find("must not fall"), std::string::npos) << falls;
  EXPECT_NE(refusalOfSpec(canary(R"("steps":[{"setWeight":5,"pause":{}}])")).find("exactly one of"), std::string::npos);
  EXPECT_NE(refusalOfSpec(canary(R"("steps":[])")).find("spec.strategy.canary.steps"), std::string::npos);
}

TEST(StrategyRules, RefuseBudgetsThatLeaveNothingToMove) {
  for (const char* budget : {R"("maxUnavailable":0)", R"("maxUnavailable":"0%","maxSurge":0)"}) {
    const std::string found = refusalOfSpec(cat(R"("strategy":{"type":"Rolling","rolling":{)", budget, "}}"));
    EXPECT_NE(found.find("spec.strategy.rolling.maxUnavailable"), std::string::npos) << found;
    EXPECT_NE(found.find("nothing could ever move"), std::string::npos) << found;
  }
  EXPECT_NE(refusalOfSpec(canary(R"("maxSurge":0,"steps":[{"setWeight":5}])")).find("spec.strategy.canary.maxSurge"),
            std::string::npos);
}

TEST(StrategyRules, RefuseSettingsOfAnotherStrategyAndMissingSlots) {
  EXPECT_NE(
      refusalOfSpec(R"("strategy":{"type":"Atomic","canary":{"steps":[{"setWeight":5}]}})").find("needs type Canary"),
      std::string::npos);
  EXPECT_NE(refusalOfSpec(R"("strategy":{"type":"Canary"})").find("spec.strategy.canary"), std::string::npos);
  EXPECT_NE(refusalOfSpec(R"("strategy":{"type":"BlueGreen"})").find("spec.strategy.type"), std::string::npos);
  EXPECT_NE(refusalOfSpec(R"("strategy":{"type":"Rolling","rolling":{"maxSurge":1}})").find("rolling.maxSurge"),
            std::string::npos);
  EXPECT_NE(refusalOfSpec(R"("slots":{"blue":{"port":81},"green":{"port":81}},"strategy":{"type":"BlueGreen"})")
                .find("ports of their own"),
            std::string::npos);
  EXPECT_NE(refusalOfSpec(R"("strategy":{"type":"Canary","canary":{"steps":[{"setWeight":5}]}})").find("set traffic"),
            std::string::npos);
  EXPECT_NE(refusalOfSpec(R"("strategy":{"type":"Canary","canary":{"steps":[{"setWeight":5}]}},
                       "traffic":{"type":"caddy","service":"shop"})")
                .find("spec.traffic.servers"),
            std::string::npos);
  EXPECT_NE(refusalOfSpec(R"("strategy":{"type":"Sideways"})").find("spec.strategy.type"), std::string::npos);
}

TEST(ProcessRules, TakeOneManagerForTheStrategiesThatItCanServe) {
  const auto slots = [](const std::string& process) {
    return cat(R"("slots":{"blue":{"port":81},"green":{"port":82}},"traffic":{"type":"caddy","service":"shop"},
                  "strategy":{"type":"BlueGreen"},"process":{)",
               process, "}");
  };
  const auto recreate = [](const std::string& process) {
    return cat(R"("strategy":{"type":"Recreate"},"process":{)", process, "}");
  };
  for (const char* manager : {R"("systemd":{"execStart":"a"})", R"("systemd":{"render":false})",
                              R"("pm2":{"script":"a.js"})", R"("compose":{})"}) {
    EXPECT_EQ(refusalOfSpec(slots(manager)), "") << manager;
    EXPECT_EQ(refusalOfSpec(recreate(manager)), "") << manager;
  }
  EXPECT_EQ(refusalOfSpec(recreate(R"("phpFpm":{"service":"php8.2-fpm"})")), "");
  EXPECT_NE(refusalOfSpec(slots(R"("phpFpm":{"service":"php8.2-fpm"})")).find("spec.slots"), std::string::npos);
}

TEST(ProcessRules, NameTheFieldThatIsWrong) {
  const auto found = [](const std::string& process) { return refusalOfSpec(cat(R"("process":{)", process, "}")); };
  EXPECT_NE(found(R"("pm2":{"script":"a"},"compose":{})").find("set only one of systemd, pm2"), std::string::npos);
  EXPECT_NE(found(R"("systemd":{})").find("spec.process.systemd.execStart"), std::string::npos);
  EXPECT_NE(found(R"("systemd":{"execStart":"a\nb"})").find("spec.process.systemd.execStart"), std::string::npos);
  EXPECT_NE(found(R"("systemd":{"execStart":"a","scope":"User","user":"www"})").find("spec.process.systemd.user"),
            std::string::npos);
  EXPECT_NE(found(R"("systemd":{"execStart":"a","onSwitch":"Reload"})").find("spec.process.systemd.execReload"),
            std::string::npos);
  EXPECT_NE(found(R"("pm2":{})").find("spec.process.pm2.script"), std::string::npos);
  EXPECT_NE(found(R"("pm2":{"script":"/abs"})").find("spec.process.pm2.script"), std::string::npos);
  EXPECT_NE(found(R"("phpFpm":{})").find("spec.process.phpFpm.service"), std::string::npos);
}

TEST(Amount, OfWhatMayBeMissingAndWhatMayBeAdded) {
  EXPECT_EQ((Amount{25, true}.roundedDown(10)), 2U);
  EXPECT_EQ((Amount{25, true}.roundedUp(10)), 3U);
  EXPECT_EQ((Amount{0, false}.roundedDown(10)), 0U);
  EXPECT_EQ((Amount{0, false}.of(10)), 1U);
}

TEST(Slots, TheOtherOneIsFree) {
  EXPECT_EQ(otherSlot(""), "blue");
  EXPECT_EQ(otherSlot("blue"), "green");
  EXPECT_EQ(otherSlot("green"), "blue");
}

}  // namespace
}  // namespace slipway
