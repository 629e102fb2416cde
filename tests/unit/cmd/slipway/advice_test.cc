#include "cmd/slipway/advice.h"

#include <gtest/gtest.h>

namespace slipway::cli {
namespace {

std::string release(const std::string& destination) {
  return "apiVersion: slipway.dev/v1alpha1\nkind: Release\nmetadata: {name: shop}\nspec:\n"
         "  source: {directory: {path: /src}}\n  destinations:\n    - " +
         destination + "\n  layout:\n    root: /srv/shop\n    shared: {directories: [storage]}\n";
}

TEST(Advice, WarnsOfSharedPathsOnSeveralServers) {
  const auto found = adviseOn("r.yaml", release("{name: web}"));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].field, "spec.layout.shared");
  EXPECT_EQ(found[0].line, 10U);
}

TEST(Advice, WarnsOfAnUnwiseNumberOfMembers) {
  const auto cluster = [](const std::string& servers) {
    return "apiVersion: slipway.dev/v1alpha1\nkind: Release\nmetadata: {name: shop}\nspec:\n"
           "  source: {directory: {path: /src}}\n  destinations: [{name: nodes, servers: [" +
           servers + "]}]\n  layout: {root: /srv/shop}\n  cluster: {roleProbe: {http: {}}}\n";
  };
  const auto found = adviseOn("r.yaml", cluster("a, b, c, d"));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].field, "spec.cluster");
  EXPECT_EQ(found[0].line, 8U);
  EXPECT_TRUE(adviseOn("r.yaml", cluster("a, b, c")).empty());
}

TEST(Advice, SaysNothingOfOneServerOrOfMalformedText) {
  EXPECT_TRUE(adviseOn("r.yaml", release("{name: web, server: web1}")).empty());
  EXPECT_TRUE(adviseOn("r.yaml", "a: [").empty());
}

}  // namespace
}  // namespace slipway::cli
