#include "reconciler/apiserver/forms/negotiation.h"

#include <gtest/gtest.h>

namespace slipway::apiserver {
namespace {

HttpRequest accepting(const std::string& accept) {
  HttpRequest request;
  request.headers = {{"accept", accept}};
  return request;
}

TEST(Negotiation, AnswersJsonWhenNothingIsAskedFor) {
  const auto format = negotiate(HttpRequest{}, Negotiable::Objects);
  ASSERT_TRUE(format);
  EXPECT_EQ(format->transform, Transform::None);
  EXPECT_FALSE(format->yaml);
  EXPECT_FALSE(format->pretty);
}

TEST(Negotiation, TakesTheFirstClauseItCanServe) {
  const auto table =
      negotiate(accepting("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"), Negotiable::Lists);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->transform, Transform::Table);
  EXPECT_EQ(table->metaVersion, "v1");
}

TEST(Negotiation, SkipsProtobufAndHonoursTheNextClause) {
  const auto format =
      negotiate(accepting("application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
                          "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"),
                Negotiable::Objects);
  ASSERT_TRUE(format);
  EXPECT_EQ(format->transform, Transform::PartialObjectMetadata);
}

TEST(Negotiation, FallsBackWhenATransformIsUnknown) {
  const auto format =
      negotiate(accepting("application/json;as=Table;v=v9;g=meta.k8s.io,application/json"), Negotiable::Objects);
  ASSERT_TRUE(format);
  EXPECT_EQ(format->transform, Transform::None);
}

TEST(Negotiation, HasNothingForAnUnknownTransformAlone) {
  EXPECT_FALSE(negotiate(accepting("application/json;as=Table;v=v9;g=meta.k8s.io"), Negotiable::Objects));
  EXPECT_FALSE(negotiate(accepting("text/html"), Negotiable::Objects));
  EXPECT_FALSE(negotiate(accepting("application/json;as=Table;v=v1;g=meta.k8s.io"), Negotiable::ObjectsOnly));
}

TEST(Negotiation, TriesClausesByFallingQuality) {
  const auto format =
      negotiate(accepting("application/json;q=0.2, application/yaml;q=0.8, */*;q=0"), Negotiable::Objects);
  ASSERT_TRUE(format);
  EXPECT_TRUE(format->yaml);
  EXPECT_FALSE(negotiate(accepting("application/json;q=0"), Negotiable::Objects));
}

TEST(Negotiation, ListsAndObjectsHaveTheirOwnMetadataForm) {
  EXPECT_TRUE(
      negotiate(accepting("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"), Negotiable::Lists));
  EXPECT_FALSE(
      negotiate(accepting("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"), Negotiable::Objects));
}

TEST(Negotiation, PrettyPrintsForPeople) {
  HttpRequest request;
  request.headers = {{"user-agent", "curl/7.88.1"}};
  EXPECT_TRUE(wantsPretty(request));
  request.query = {{"pretty", "0"}};
  EXPECT_FALSE(wantsPretty(request));
  request.headers = {{"user-agent", "kubectl/v1.32"}};
  request.query = {{"pretty", "1"}};
  EXPECT_TRUE(wantsPretty(request));
}

TEST(Negotiation, KnowsTheContentTypesOfBodies) {
  HttpRequest request;
  EXPECT_EQ(bodyFormat(request), BodyFormat::Json);
  request.headers = {{"content-type", "application/JSON; charset=utf-8"}};
  EXPECT_EQ(bodyFormat(request), BodyFormat::Json);
  request.headers = {{"content-type", "application/apply-patch+yaml"}};
  EXPECT_EQ(bodyFormat(request), BodyFormat::ApplyPatch);
  request.headers = {{"content-type", "text/plain"}};
  EXPECT_FALSE(bodyFormat(request));
}

TEST(Negotiation, NamesTheAcceptedMediaTypes) {
  EXPECT_EQ(unsupportedMediaTypeMessage({BodyFormat::JsonPatch, BodyFormat::MergePatch, BodyFormat::ApplyPatch}),
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
}

TEST(Negotiation, AnythingButZeroAndFalseIsTrue) {
  HttpRequest request;
  EXPECT_FALSE(booleanParameter(request, "watch"));
  for (const char* value : {"True", "TRUE", "yes", "1", ""}) {
    request.query = {{"watch", value}};
    EXPECT_TRUE(booleanParameter(request, "watch")) << value;
  }
  for (const char* value : {"0", "false", "False"}) {
    request.query = {{"watch", value}};
    EXPECT_FALSE(booleanParameter(request, "watch")) << value;
  }
}

TEST(Negotiation, ReadsAnApplyBodyAsJsonWithTabsOrAsYaml) {
  auto json = decodeApplyBody("{\n\t\"kind\": \"Release\"\n}\n", nullptr);
  ASSERT_TRUE(json) << json.status().message();
  EXPECT_EQ(json->getString("kind"), "Release");
  auto yaml = decodeApplyBody("kind: Release\nspec:\n  version: \"2\"\n", nullptr);
  ASSERT_TRUE(yaml) << yaml.status().message();
  EXPECT_EQ(yaml->at({"spec", "version"})->asString(), "2");
  EXPECT_FALSE(decodeApplyBody("a: 1\n---\nb: 2\n", nullptr));
}

TEST(Negotiation, NotesKeysGivenTwice) {
  std::vector<std::string> duplicates;
  ASSERT_TRUE(decodeBody(BodyFormat::Json, R"({"spec":{"version":"1","version":"2"}})", &duplicates));
  EXPECT_EQ(duplicates, std::vector<std::string>{"spec.version"});
}

TEST(Negotiation, EncodesAsTheFormatSays) {
  const Json value = Json::object({{"a", 1}});
  EXPECT_EQ(encodeResponse(201, value, {}).body, "{\"a\":1}\n");
  ResponseFormat yaml;
  yaml.yaml = true;
  const HttpResponse response = encodeResponse(200, value, yaml);
  EXPECT_EQ(response.contentType, "application/yaml");
  EXPECT_EQ(response.body, "a: 1\n");
}

}  // namespace
}  // namespace slipway::apiserver
