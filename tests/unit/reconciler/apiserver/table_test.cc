#include "reconciler/apiserver/forms/table.h"

#include <gtest/gtest.h>

namespace slipway::apiserver {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

schema::PrinterColumn column(const std::string& name, const std::string& type, const std::string& path,
                             int priority = 0) {
  schema::PrinterColumn out;
  out.name = name;
  out.type = type;
  out.jsonPath = path;
  out.priority = priority;
  return out;
}

ResourceInfo releases() {
  ResourceInfo info;
  info.group = "lab.example.dev";
  info.version = "v1";
  info.plural = "releases";
  info.kind = "Release";
  info.listKind = "ReleaseList";
  info.columns = {column("Version", "string", ".spec.version"), column("Phase", "string", ".status.phase"),
                  column("Channel", "string", ".spec.channel", 1),
                  column("Age", "date", ".metadata.creationTimestamp")};
  return info;
}

const char* const kObject = R"({"apiVersion":"lab.example.dev/v1","kind":"Release",
  "metadata":{"name":"i-a","namespace":"n","resourceVersion":"7","creationTimestamp":"2026-01-01T00:00:00Z"},
  "spec":{"version":"1.0","channel":"stable","replicas":3,"paused":true}})";

Json object() { return *parseJson(kObject); }

Presentation as(Transform transform) {
  Presentation presentation;
  presentation.format.transform = transform;
  presentation.now = *parseTime("2026-01-01T00:00:42Z");
  return presentation;
}

Json cellsWith(schema::PrinterColumn wanted, const Json& value) {
  ResourceInfo info = releases();
  info.columns = {std::move(wanted)};
  return present(info, value, as(Transform::Table)).find("rows")->asArray()[0].find("cells")->asArray()[1];
}

TEST(Table, HasTheNameAndTheDeclaredColumns) {
  const Json table = present(releases(), object(), as(Transform::Table));
  EXPECT_EQ(table.getString("kind"), "Table");
  EXPECT_EQ(table.getString("apiVersion"), "meta.k8s.io/v1");
  EXPECT_EQ(table.at({"metadata", "resourceVersion"})->asString(), "7");
  std::string columns;
  for (const Json& one : table.find("columnDefinitions")->asArray()) {
    columns += one.getString("name") + "/" + one.getString("type") + "/" + one.getString("format") + "/" +
               std::to_string(one.getInt("priority")) + " ";
  }
  EXPECT_EQ(columns, "Name/string/name/0 Version/string//0 Phase/string//0 Channel/string//1 Age/date//0 ");
}

TEST(Table, RowsCarryMetadataOnly) {
  const Json table = present(releases(), object(), as(Transform::Table));
  const Json& row = table.find("rows")->asArray()[0];
  EXPECT_EQ(row.find("cells")->dump(), R"(["i-a","1.0",null,"stable","42s"])");
  EXPECT_EQ(row.at({"object", "kind"})->asString(), "PartialObjectMetadata");
  EXPECT_EQ(row.at({"object", "metadata", "name"})->asString(), "i-a");
  EXPECT_EQ(row.at({"object", "spec"}), nullptr);
}

TEST(Table, IncludesWhatIsAskedFor) {
  Presentation presentation = as(Transform::Table);
  presentation.includeObject = "Object";
  EXPECT_EQ(present(releases(), object(), presentation)
                .find("rows")
                ->asArray()[0]
                .at({"object", "spec", "version"})
                ->asString(),
            "1.0");
  presentation.includeObject = "None";
  EXPECT_EQ(present(releases(), object(), presentation).find("rows")->asArray()[0].find("object"), nullptr);
}

TEST(Table, TakesListsWithTheirMetadata) {
  const Json list = Json::object({{"apiVersion", "lab.example.dev/v1"},
                                  {"kind", "ReleaseList"},
                                  {"metadata", Json::object({{"resourceVersion", "9"}, {"continue", "x"}})},
                                  {"items", Json::array({object(), object()})}});
  const Json table = present(releases(), list, as(Transform::Table));
  EXPECT_EQ(table.find("rows")->asArray().size(), 2U);
  EXPECT_EQ(table.at({"metadata", "continue"})->asString(), "x");
  const Json partial = present(releases(), list, as(Transform::PartialObjectMetadataList));
  EXPECT_EQ(partial.getString("kind"), "PartialObjectMetadataList");
  EXPECT_EQ(partial.find("items")->asArray()[0].getString("kind"), "PartialObjectMetadata");
  EXPECT_EQ(partial.find("items")->asArray()[0].find("spec"), nullptr);
}

TEST(Table, LeavesColumnDefinitionsOutOfLaterEvents) {
  Presentation presentation = as(Transform::Table);
  presentation.columnDefinitions = false;
  EXPECT_TRUE(present(releases(), object(), presentation).find("columnDefinitions")->isNull());
}

TEST(Table, LeavesAStatusAlone) {
  const Json status = Json::object({{"kind", "Status"}, {"apiVersion", "v1"}, {"code", 410}});
  EXPECT_EQ(present(releases(), status, as(Transform::Table)), status);
}

TEST(Table, ShowsOnlyValuesOfTheColumnsType) {
  EXPECT_EQ(cellsWith(column("c", "integer", ".spec.replicas"), object()).dump(), "3");
  EXPECT_EQ(cellsWith(column("c", "integer", ".spec.version"), object()).dump(), "null");
  EXPECT_EQ(cellsWith(column("c", "boolean", ".spec.paused"), object()).dump(), "true");
  EXPECT_EQ(cellsWith(column("c", "string", ".spec.replicas"), object()).dump(), "\"3\"");
  EXPECT_EQ(cellsWith(column("c", "date", ".spec.version"), object()).dump(), "\"<invalid>\"");
  EXPECT_EQ(cellsWith(column("c", "date", ".spec.missing"), object()).dump(), "null");
}

TEST(Table, UnderstandsThePathsPrinterColumnsUse) {
  const Json value = *parseJson(R"({"metadata":{"name":"x","annotations":{"a.b/c":"d"}},"status":{"conditions":[
      {"type":"Other","status":"False"},{"type":"Ready","status":"True"}],"list":["a","b"]}})");
  const auto cell = [&](const std::string& path) { return cellsWith(column("c", "string", path), value).dump(); };
  EXPECT_EQ(cell(".status.conditions[?(@.type==\"Ready\")].status"), "\"True\"");
  EXPECT_EQ(cell(".status.conditions[?(@.type=='Nope')].status"), "null");
  EXPECT_EQ(cell(".status.list[1]"), "\"b\"");
  EXPECT_EQ(cell(".status.list[-1]"), "\"b\"");
  EXPECT_EQ(cell(".status.list[*]"), "\"a\"");
  EXPECT_EQ(cell(".metadata.annotations['a.b/c']"), "\"d\"");
  EXPECT_EQ(cell(".metadata.annotations.a\\.b/c"), "\"d\"");
  EXPECT_EQ(cell(".status.list[x"), "null");
}

TEST(Table, ShowsAgeWhenAKindDeclaresNoColumns) {
  ResourceInfo info = releases();
  info.columns.clear();
  EXPECT_EQ(present(info, object(), as(Transform::Table)).find("rows")->asArray()[0].find("cells")->dump(),
            R"(["i-a","42s"])");
}

TEST(Table, CountsTheDataOfASecret) {
  ResourceInfo info;
  info.version = "v1";
  info.kind = "Secret";
  info.custom = false;
  info.columns = {column("Type", "string", ".type"), column("Data", "integer", ".data"),
                  column("Age", "date", ".metadata.creationTimestamp")};
  const Json secret = *parseJson(R"({"metadata":{"name":"s"},"type":"Opaque","data":{"a":"","b":""}})");
  const Json table = present(info, secret, as(Transform::Table));
  EXPECT_EQ(table.find("rows")->asArray()[0].find("cells")->dump(), R"(["s","Opaque",2,"<unknown>"])");
  EXPECT_EQ(table.find("columnDefinitions")->asArray()[3].getString("type"), "string");
}

TEST(Table, NamesTheObjectOfAnEvent) {
  ResourceInfo info;
  info.kind = "Event";
  info.custom = false;
  info.columns = {column("Last Seen", "string", ".lastTimestamp"), column("Object", "string", ".involvedObject"),
                  column("Message", "string", ".message")};
  const Json event = *parseJson(R"({"metadata":{"name":"e"},"lastTimestamp":"2026-01-01T00:00:00Z",
      "involvedObject":{"kind":"Release","name":"base"},"message":"hello"})");
  EXPECT_EQ(present(info, event, as(Transform::Table)).find("rows")->asArray()[0].find("cells")->dump(),
            R"(["e","42s","release/base","hello"])");
}

TEST(Table, WritesTimeSpansAsKubectlDoes) {
  EXPECT_EQ(humanDuration(seconds(5)), "5s");
  EXPECT_EQ(humanDuration(seconds(119)), "119s");
  EXPECT_EQ(humanDuration(seconds(125)), "2m5s");
  EXPECT_EQ(humanDuration(minutes(30)), "30m");
  EXPECT_EQ(humanDuration(hours(3) + minutes(15)), "3h15m");
  EXPECT_EQ(humanDuration(hours(20)), "20h");
  EXPECT_EQ(humanDuration(hours(49)), "2d1h");
  EXPECT_EQ(humanDuration(hours(24 * 30)), "30d");
  EXPECT_EQ(humanDuration(hours(24 * 365 * 3)), "3y");
  EXPECT_EQ(humanDuration(-seconds(30)), "<invalid>");
}

TEST(PartialObjectMetadata, KeepsMetadataAndNothingElse) {
  const Json partial = present(releases(), object(), as(Transform::PartialObjectMetadata));
  EXPECT_EQ(partial.getString("kind"), "PartialObjectMetadata");
  EXPECT_EQ(partial.at({"metadata", "name"})->asString(), "i-a");
  EXPECT_EQ(partial.find("spec"), nullptr);
}

}  // namespace
}  // namespace slipway::apiserver
