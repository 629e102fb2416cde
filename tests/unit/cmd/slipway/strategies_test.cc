#include "cmd/slipway/strategies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Strategies, AreListedWithSettingsAndWhatTheyTake) {
  const std::string text = strategiesText(strategiesJson({}, {}));
  for (const char* name : {"Atomic", "Recreate", "Rolling", "BlueGreen", "Canary"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
  EXPECT_THAT(text, HasSubstr("canary.steps"));
  EXPECT_THAT(text, HasSubstr("x1.2, disk x1.5 on each server: cpu 1200m, memory 614.4M, disk 1.5G; instances 2"));
  EXPECT_THAT(text, Not(HasSubstr("fits")));
}

TEST(Strategies, EachSaysItsNameWhatItDoesAndWhetherItGoesBack) {
  const Json cards = strategiesJson({}, {});
  for (const Json& card : cards.asArray()) {
    EXPECT_FALSE(card.getString("name").empty());
    EXPECT_FALSE(card.getString("description").empty()) << card.getString("name");
    EXPECT_TRUE(card.getBool("supportsRollback")) << card.getString("name");
    EXPECT_GT(card.getInt("instances"), 0) << card.getString("name");
  }
  EXPECT_THAT(strategiesText(cards), HasSubstr("  rollback  yes\n"));
}

TEST(Strategies, SayWhatIsLackingAndWhatToDo) {
  const Json found = strategiesJson({}, {{"", {1500, 600'000'000, 10'000'000'000}}});
  const Json& blueGreen = found.asArray()[3];
  EXPECT_EQ(blueGreen.getString("name"), "BlueGreen");
  EXPECT_FALSE(blueGreen.getBool("valid"));
  EXPECT_EQ(blueGreen.find("errors")->asArray().size(), 2U) << "all of them together";
  EXPECT_THAT(blueGreen.getString("recommendation"), HasSubstr("provision more, or use Atomic"));
  EXPECT_TRUE(found.asArray()[0].getBool("valid"));
  EXPECT_THAT(strategiesText(found), HasSubstr("too little cpu: needs 2, there is 1500m"));
}

}  // namespace
}  // namespace slipway::cli
