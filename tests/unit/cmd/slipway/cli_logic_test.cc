#include <gtest/gtest.h>

#include "cmd/slipway/apply.h"
#include "cmd/slipway/commands.h"
#include "cmd/slipway/deploy.h"
#include "cmd/slipway/follow.h"
#include "cmd/slipway/manifests.h"
#include "cmd/slipway/plan_preview.h"
#include "cmd/slipway/views/release_lists.h"
#include "cmd/slipway/views/text_table.h"
#include "reconciler/base/strings.h"
#include "tests/support/temp_dir.h"

namespace slipway::cli {
namespace {

Json json(std::string_view text) {
  auto parsed = parseJson(text);
  EXPECT_TRUE(parsed) << parsed.status().toString();
  return parsed.valueOr(Json());
}

TEST(ThreeWayPatch, ChangesSetsAndRemovesOnlyWhatManifestsDeclared) {
  const Json last = json(R"({"spec":{"a":1,"gone":2,"deep":{"x":1,"y":2}}})");
  const Json wanted = json(R"({"spec":{"a":5,"new":true,"deep":{"x":1},"list":[1,2]}})");
  const Json live =
      json(R"({"spec":{"a":1,"gone":2,"deep":{"x":1,"y":2,"other":3},"server":9,"list":[1]},"status":{}})");
  EXPECT_EQ(threeWayPatch(last, wanted, live),
            json(R"({"spec":{"a":5,"new":true,"deep":{"y":null},"list":[1,2],"gone":null}})"));
}

TEST(ThreeWayPatch, IsEmptyWhenNothingDiffers) {
  const Json wanted = json(R"({"spec":{"a":1}})");
  EXPECT_TRUE(threeWayPatch(Json(), wanted, json(R"({"spec":{"a":1,"b":2}})")).asObject().empty());
}

Json releaseWith(const std::string& conditions, int observed, const std::string& more = "") {
  return json(cat(R"({"metadata":{"generation":2},"status":{"observedGeneration":)", observed, R"(,"conditions":[)",
                  conditions, "]", more, "}}"));
}

TEST(Standing, ConvergesOnlyWhenReadyForTheNewestGeneration) {
  const std::string ready = R"({"type":"Ready","status":"True"})";
  EXPECT_EQ(standingOf(releaseWith(ready, 2)), Standing::Converged);
  EXPECT_EQ(standingOf(releaseWith(ready, 1)), Standing::Progressing);
  EXPECT_EQ(standingOf(releaseWith(ready + R"(,{"type":"Reconciling","status":"True"})", 2)), Standing::Progressing);
  EXPECT_EQ(standingOf(json(R"({"metadata":{"generation":1}})")), Standing::Progressing);
}

TEST(Standing, ARolledBackReleaseIsAFailedRelease) {
  const std::string notReady = R"({"type":"Ready","status":"False"})";
  EXPECT_EQ(standingOf(releaseWith(notReady + R"(,{"type":"Stalled","status":"True"})", 2)), Standing::Failed);
  EXPECT_EQ(standingOf(releaseWith(notReady + R"(,{"type":"RolledBack","status":"True"})", 2)), Standing::Failed);
  EXPECT_EQ(standingOf(releaseWith(notReady, 2)), Standing::Progressing);
}

TEST(Standing, OfARunFollowsItsPhase) {
  EXPECT_EQ(standingOfRun(json(R"({"status":{"phase":"Deploying"}})"), false), Standing::Progressing);
  EXPECT_EQ(standingOfRun(json(R"({"status":{"phase":"Completed"}})"), false), Standing::Converged);
  const Json back = json(R"({"status":{"phase":"RolledBack"}})");
  EXPECT_EQ(standingOfRun(back, false), Standing::Failed);
  EXPECT_EQ(standingOfRun(back, true), Standing::Converged);
}

const Json& gitRelease() {
  static const Json kRelease = json(R"({"metadata":{"name":"shop"},"spec":{"source":{"git":{"repository":"https://g/x",
    "ref":{"tag":"v1"}}},"destinations":[{"name":"web","server":"web9"}]}})");
  return kRelease;
}

TEST(DeployPatch, ReplacesTheRefWhole) {
  EXPECT_EQ(*deployPatch(gitRelease(), {.release = "shop", .branch = "main"}),
            json(R"({"spec":{"source":{"git":{"ref":{"branch":"main","tag":null,"commit":null}}}}})"));
}

TEST(DeployPatch, NarrowsToServersAndGroups) {
  EXPECT_EQ(*deployPatch(gitRelease(), {.release = "shop", .version = "2", .servers = {"web1", "web2"}}),
            json(R"({"spec":{"version":"2","destinations":[{"name":"web","servers":["web1","web2"]}]}})"));
  EXPECT_EQ(*deployPatch(gitRelease(), {.release = "shop", .groups = {"production", "zone=a"}}),
            json(R"({"spec":{"destinations":[{"name":"production","selector":{"matchLabels":{"zone":"a"}}}]}})"));
}

TEST(DeployPatch, RefusesContradictions) {
  EXPECT_EQ(deployPatch(gitRelease(), {.release = "shop", .branch = "a", .tag = "b"}).code(), Code::Invalid);
  const Json directory =
      json(R"({"spec":{"source":{"directory":{"path":"/x"}},"destinations":[{"name":"a"},{"name":"b"}]}})");
  EXPECT_EQ(deployPatch(directory, {.release = "shop", .tag = "b"}).code(), Code::Invalid);
  EXPECT_EQ(deployPatch(directory, {.release = "shop", .servers = {"x"}}).code(), Code::Invalid);
  EXPECT_TRUE(deployPatch(directory, {.release = "shop"})->asObject().empty());
}

TEST(DeployReplay, IsTheCommandThatAsksNothing) {
  EXPECT_EQ(replayCommand({.release = "shop", .version = "1.4.2", .servers = {"a", "b"}, .groups = {"k=it's"}}, "prod"),
            "slipway deploy shop -n prod --version 1.4.2 --servers a,b --group 'k=it'\\''s' --yes");
}

ObjectPtr runOf(const std::string& name, const std::string& created, const std::string& version,
                const std::string& targets) {
  return std::make_shared<const Json>(json(cat(R"({"metadata":{"name":")", name, R"(","creationTimestamp":")", created,
                                               R"("},"spec":{"releaseRef":{"name":"shop"},"version":")", version,
                                               R"("},"status":{"targets":[)", targets, "]}}")));
}

TEST(PlacedReleases, TellsWhatEachServerHas) {
  const std::vector<ObjectPtr> runs = {
      runOf("shop-1", "2026-01-01T00:00:00Z", "1",
            R"({"name":"web1","destination":"web","steps":{"prepare":{"state":"Done"},"switch":{"state":"Done"}}})"),
      runOf(
          "shop-2", "2026-01-02T00:00:00Z", "2",
          R"({"name":"web1","destination":"web","before":"1","steps":{"prepare":{"state":"Done"},"switch":{"state":"Done"}}})"),
      runOf(
          "shop-3", "2026-01-03T00:00:00Z", "3",
          R"({"name":"web1","destination":"web","before":"2","steps":{"prepare":{"state":"Done"},"switch":{"state":"Pending"}}},
               {"name":"web2","destination":"web","steps":{"prepare":{"state":"Failed"}}})")};
  std::string text;
  for (const PlacedRelease& one : placedReleases(runs, {})) {
    text += cat(one.server, " ", one.version, " ", one.state, "; ");
  }
  EXPECT_EQ(text, "web1 3 Prepared; web1 2 Current; web1 1 Previous; web2 3 Failed; ");
  EXPECT_EQ(placedReleases(runs, {.server = "web2"}).size(), 1U);
  EXPECT_TRUE(placedReleases(runs, {.destination = "other"}).empty());
}

TEST(PlacedReleases, FollowAnUndo) {
  const std::vector<ObjectPtr> runs = {runOf(
      "shop-2", "2026-01-02T00:00:00Z", "2",
      R"({"name":"web1","destination":"web","before":"1","steps":{"prepare":{"state":"Done"},"switch":{"state":"Done"},"undo":{"state":"Done"}}})")};
  const auto placed = placedReleases(runs, {});
  ASSERT_EQ(placed.size(), 1U);
  EXPECT_EQ(placed[0].state, "Undone");
}

TEST(History, MarksWhatIsLiveAndWhatIsBad) {
  const Json release = json(R"({"status":{"versions":{"applied":"1"},"history":[
    {"version":"2","outcome":"RolledBack","run":"shop-2","finishedAt":"2026-01-01T00:00:00Z","bad":true,"badReason":"health"},
    {"version":"1","outcome":"Completed","run":"shop-1","finishedAt":"2026-01-01T00:00:00Z"}]}})");
  const std::string text = historyText(release, *parseTime("2026-01-01T00:01:00Z"));
  EXPECT_NE(text.find("bad: health"), std::string::npos) << text;
  EXPECT_NE(text.find("live"), std::string::npos);
  EXPECT_NE(text.find("1m0s ago"), std::string::npos);
}

TEST(TextTable, AlignsByCharactersAndShowsServerTables) {
  const Json table =
      json(R"({"columnDefinitions":[{"name":"Name","priority":0},{"name":"Secret","priority":1},{"name":"Age"}],
    "rows":[{"cells":["é","s",null],"object":{"metadata":{"namespace":"n"}}},{"cells":["longer","t","5m\u001b[1m"]}]})");
  EXPECT_EQ(tableText(table, false, false), "NAME     AGE\né        -\nlonger   5m?[1m\n");
  EXPECT_TRUE(tableText(table, true, true).starts_with("NAMESPACE   NAME     SECRET   AGE\nn           é        s"));
}

class ManifestFiles : public ::testing::Test {
 protected:
  Result<std::vector<Manifest>> parse(const std::string& text) {
    writeFile(directory / "m.yaml", text);
    const auto texts = readManifestTexts({directory / "m.yaml"});
    return texts ? parseManifests(*texts) : texts.status();
  }
  TempDir directory;
};

TEST_F(ManifestFiles, AreReadInOrderWithTheirLines) {
  const auto manifests = parse(
      "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\napiVersion: v1\nkind: List\nitems:\n"
      "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: shop}}\n");
  ASSERT_TRUE(manifests) << manifests.status().toString();
  ASSERT_EQ(manifests->size(), 2U);
  EXPECT_EQ((*manifests)[1].kind(), "ConfigMap");
  EXPECT_EQ((*manifests)[1].ns(), "shop");
  EXPECT_TRUE((*manifests)[1].place().ends_with("m.yaml:5"));
}

TEST_F(ManifestFiles, SayWhereTheyAreWrong) {
  EXPECT_NE(
      parse("apiVersion: v1\nkind: Secret\nkind: Secret\nmetadata: {name: a}\n").status().message().find(":3: kind"),
      std::string::npos);
  EXPECT_NE(parse("apiVersion: v1\nkind: Secret\n").status().message().find("metadata.name: Required"),
            std::string::npos);
  EXPECT_NE(parse("apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: 5}\n")
                .status()
                .message()
                .find("namespace: must"),
            std::string::npos);
  EXPECT_NE(parse("- 1\n").status().message().find("not an object"), std::string::npos);
  EXPECT_EQ(parse("").code(), Code::Invalid);
  EXPECT_EQ(readManifestTexts({directory / "absent"}).code(), Code::Invalid);
  EXPECT_EQ(readManifestTexts({directory.path() + "/"}).code(), Code::Ok);
}

TEST(EmbeddedCrds, AreAllThere) { EXPECT_GE(embeddedCrds().size(), 4U); }

constexpr std::string_view kFleet = R"(
apiVersion: slipway.dev/v1alpha1
kind: Release
metadata: {name: shop}
spec:
  version: "2"
  source: {directory: {path: /srv/src}}
  destinations: [{name: web}]
  layout: {root: /srv/shop}
---
apiVersion: slipway.dev/v1alpha1
kind: Destination
metadata: {name: web}
spec: {servers: [web1, web2]}
---
apiVersion: slipway.dev/v1alpha1
kind: Server
metadata: {name: web1}
spec: {address: 10.0.0.1, user: deploy}
---
apiVersion: slipway.dev/v1alpha1
kind: Server
metadata: {name: web2}
spec: {address: 10.0.0.2, user: deploy}
)";

TEST_F(ManifestFiles, GiveWhatAPlanNeedsWithoutAServer) {
  const auto manifests = parse(std::string(kFleet));
  ASSERT_TRUE(manifests) << manifests.status().toString();
  const ManifestReader reader(*manifests, "default", nullptr);
  EXPECT_TRUE(reader.get(kServer, {"default", "web1"}));
  EXPECT_EQ(reader.get(kServer, {"default", "web3"}).code(), Code::NotFound);
  EXPECT_EQ(reader.list(kServer, "default")->items.size(), 2U);
  EXPECT_EQ(reader.list(kServer, "other")->items.size(), 0U);
}

TEST(Completion, KnowsThreeShells) {
  const std::vector<CommandWords> words = {{"", "", {"apply", "--help"}}, {"server enrol", "it's", {"--address"}}};
  EXPECT_NE(completionScript("bash", "slipway", words).find("\"server enrol\") words=\"--address\""),
            std::string::npos);
  EXPECT_TRUE(completionScript("zsh", "slipway", words).starts_with("autoload"));
  EXPECT_NE(completionScript("fish", "slipway", words).find("-l address"), std::string::npos);
  EXPECT_EQ(completionScript("tcsh", "slipway", words), "");
}

}  // namespace
}  // namespace slipway::cli
