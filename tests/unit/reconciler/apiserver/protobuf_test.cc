#include "reconciler/apiserver/forms/protobuf.h"

#include <cstring>

#include <gtest/gtest.h>

namespace slipway::apiserver {
namespace {

std::string varint(std::uint64_t value) {
  std::string out;
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7fU) | 0x80U);
    value >>= 7U;
  }
  return out + static_cast<char>(value);
}
std::string number(unsigned tag, std::uint64_t value) { return varint(tag << 3U) + varint(value); }
std::string bytes(unsigned tag, const std::string& value) {
  return varint(tag << 3U | 2U) + varint(value.size()) + value;
}
std::string real(unsigned tag, double value) {
  std::string raw(8, '\0');
  std::memcpy(raw.data(), &value, 8);
  return varint(tag << 3U | 1U) + raw;
}
std::string entry(unsigned tag, const std::string& key, const std::string& value) {
  return bytes(tag, bytes(1, key) + bytes(2, value));
}

std::string envelope(const std::string& apiVersion, const std::string& kind, const std::string& message) {
  return std::string("k8s\0", 4) + bytes(1, bytes(1, apiVersion) + bytes(2, kind)) + bytes(2, message) + bytes(3, "") +
         bytes(4, "");
}

std::string decoded(const std::string& body) {
  const auto result = decodeProtobuf(body);
  return result ? result->dump() : result.status().message();
}

TEST(Protobuf, DecodesANamespaceAsKubectlSendsIt) {
  const std::string metadata = bytes(1, "conf-l") + bytes(2, "") + bytes(3, "") + bytes(4, "") + bytes(5, "") +
                               bytes(6, "") + number(7, 0) + bytes(8, "");
  EXPECT_EQ(decoded(envelope("v1", "Namespace", bytes(1, metadata) + bytes(2, "") + bytes(3, bytes(1, "")))),
            R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"conf-l"},"spec":{},"status":{}})");
}

TEST(Protobuf, DecodesMapsOfBytesAndText) {
  EXPECT_EQ(decoded(envelope("v1", "Secret", bytes(1, bytes(1, "s")) + entry(2, "p", "q") + bytes(3, "Opaque"))),
            R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"p":"cQ=="},"type":"Opaque"})");
  EXPECT_EQ(decoded(envelope("v1", "ConfigMap", entry(2, "a", "b") + entry(2, "empty", "") + number(4, 0))),
            R"({"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b","empty":""},"immutable":false})");
}

TEST(Protobuf, KeepsZeroesThatMeanSomething) {
  const std::string spec =
      bytes(1, "") + number(2, 15) + bytes(4, number(1, 1767225600) + number(2, 1000)) + number(5, 0);
  EXPECT_EQ(
      decoded(envelope("coordination.k8s.io/v1", "Lease", bytes(2, spec))),
      R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","spec":{"holderIdentity":"","leaseDurationSeconds":15,)"
      R"("renewTime":"2026-01-01T00:00:00.000001Z","leaseTransitions":0}})");
}

TEST(Protobuf, DecodesAnEvent) {
  EXPECT_EQ(decoded(envelope("v1", "Event", bytes(2, bytes(1, "Release")) + bytes(4, "hi") + number(8, 2))),
            R"({"apiVersion":"v1","kind":"Event","involvedObject":{"kind":"Release"},"message":"hi","count":2})");
}

TEST(Protobuf, DecodesReviewsAndDeleteOptions) {
  const std::string attributes = bytes(1, "n") + bytes(2, "get") + bytes(5, "releases");
  EXPECT_EQ(decoded(envelope("authorization.k8s.io/v1", "SelfSubjectAccessReview", bytes(2, bytes(1, attributes)))),
            R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview",)"
            R"("spec":{"resourceAttributes":{"namespace":"n","verb":"get","resource":"releases"}}})");
  EXPECT_EQ(decoded(envelope("v1", "DeleteOptions",
                             number(1, 0) + bytes(2, bytes(1, "u")) + bytes(4, "Orphan") + bytes(5, "All"))),
            R"({"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0,"preconditions":{"uid":"u"},)"
            R"("propagationPolicy":"Orphan","dryRun":["All"]})");
  EXPECT_EQ(
      decoded(envelope("authorization.k8s.io/v1", "SubjectAccessReview",
                       bytes(2, entry(5, "scopes", bytes(1, "a") + bytes(1, "b"))))),
      R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"extra":{"scopes":["a","b"]}}})");
}

TEST(Protobuf, DecodesADefinitionWithItsSchema) {
  const std::string leaf = bytes(5, "string") + bytes(8, bytes(1, "\"x\"")) + number(37, 0) + number(14, 0);
  const std::string number64 = bytes(5, "number") + real(9, 100) + real(11, 0.5) + number(10, 0);
  const std::string array = bytes(5, "array") + bytes(24, bytes(1, bytes(5, "string"))) + bytes(42, "set");
  const std::string open = bytes(5, "object") + bytes(30, number(1, 1)) + number(38, 1);
  const std::string root = bytes(5, "object") + entry(29, "a", leaf) + entry(29, "n", number64) +
                           entry(29, "l", array) + entry(29, "o", open) +
                           bytes(30, number(1, 0) + bytes(2, bytes(5, "string")));
  const std::string version = bytes(1, "v1") + number(2, 1) + number(3, 0) + bytes(4, bytes(1, root));
  const auto result =
      decodeProtobuf(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", bytes(2, bytes(7, version))));
  ASSERT_TRUE(result) << result.status().message();
  const Json& decodedVersion = result->at({"spec", "versions"})->asArray()[0];
  EXPECT_FALSE(decodedVersion.getBool("storage", true));
  EXPECT_EQ(decodedVersion.at({"schema", "openAPIV3Schema"})->dump(),
            R"({"type":"object","properties":{"a":{"type":"string","default":"x","minLength":0},)"
            R"("n":{"type":"number","maximum":100,"minimum":0.5},)"
            R"("l":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"},)"
            R"("o":{"type":"object","additionalProperties":true,"x-kubernetes-preserve-unknown-fields":true}},)"
            R"("additionalProperties":{"type":"string"}})");
}

TEST(Protobuf, SkipsFieldsItDoesNotKnow) {
  EXPECT_EQ(decoded(envelope("v1", "ConfigMap", number(99, 7) + bytes(98, "x") + entry(2, "a", "b"))),
            R"({"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"}})");
}

TEST(Protobuf, RefusesWhatIsNotWellFormed) {
  EXPECT_FALSE(decodeProtobuf(""));
  EXPECT_FALSE(decodeProtobuf("{}"));
  EXPECT_FALSE(decodeProtobuf(envelope("v1", "Pod", "")));
  EXPECT_FALSE(decodeProtobuf(envelope("v1", "ConfigMap", "\x12\x7f")));
  EXPECT_FALSE(decodeProtobuf(envelope("v1", "ConfigMap", entry(2, "a", "\xff"))));
  EXPECT_FALSE(decodeProtobuf(envelope("v1", "ConfigMap", number(1, 1))));
  EXPECT_FALSE(decodeProtobuf(envelope("v1", "ConfigMap", std::string(12, '\xff'))));
}

TEST(Protobuf, NeverReadsPastAShortenedBody) {
  const std::string whole = envelope("v1", "Secret", bytes(1, bytes(1, "s")) + entry(2, "p", "q"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    (void)decodeProtobuf(std::string_view(whole).substr(0, length));
  }
}

TEST(Protobuf, BoundsNestingAndCount) {
  std::string schema = bytes(5, "string");
  for (int i = 0; i < 200; ++i) {
    schema = bytes(28, schema);
  }
  const std::string version = bytes(4, bytes(1, schema));
  const auto deep =
      decodeProtobuf(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", bytes(2, bytes(7, version))));
  EXPECT_NE(deep.status().message().find("nested deeper"), std::string::npos);
  std::string many;
  for (int i = 0; i < 10'001; ++i) {
    many += entry(2, std::to_string(i), "");
  }
  EXPECT_NE(decoded(envelope("v1", "ConfigMap", many)).find("more than 10000 entries"), std::string::npos);
}

}  // namespace
}  // namespace slipway::apiserver
