#include "reconciler/api/traffic.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/schema/crd.h"
#include "reconciler/schema/lint.h"
#include "reconciler/schema/yaml.h"

#include "embedded/embedded_crds.h"

namespace slipway {
namespace {

using Weights = std::vector<int>;

TEST(BackendWeights, AreTheSmallestNumbersWithTheRightShares) {
  EXPECT_EQ(backendWeights({{90, 1}, {10, 1}}), (Weights{9, 1}));
  EXPECT_EQ(backendWeights({{50, 1}, {50, 1}}), (Weights{1, 1}));
  EXPECT_EQ(backendWeights({{80, 4}, {20, 1}}), (Weights{1, 1}));
  EXPECT_EQ(backendWeights({{100, 3}, {0, 2}}), (Weights{1, 0}));
  EXPECT_EQ(backendWeights({{0, 3}, {0, 0}}), (Weights{0, 0}));
  EXPECT_EQ(backendWeights({}), Weights{});
}

TEST(BackendWeights, NeverGiveAShareOfNothingAndAlwaysOneOfSomething) {
  for (int percent = 0; percent <= 100; ++percent) {
    for (std::size_t stable = 1; stable <= 40; stable += 3) {
      const Weights weights = backendWeights({{100 - percent, stable}, {percent, 2}});
      EXPECT_EQ(weights[1] == 0, percent == 0);
      EXPECT_EQ(weights[0] == 0, percent == 100);
      EXPECT_LE(std::max(weights[0], weights[1]), kMaxBackendWeight);
      const double each = (100 - percent) / static_cast<double>(stable);
      if (percent / 2.0 > each * kMaxBackendWeight || each > percent / 2.0 * kMaxBackendWeight) {
        continue;  // no such weights: the larger one is as large as it may be
      }
      const double total = weights[0] * static_cast<double>(stable) + weights[1] * 2.0;
      EXPECT_LE(std::abs(weights[1] * 200.0 / total - percent), 0.5) << percent << " of " << stable;
    }
  }
}

std::string findings(const std::string& traffic) {
  std::vector<schema::Crd> crds;
  for (const EmbeddedFile& file : embedded_crds()) {
    crds.push_back(*schema::parseCrd(schema::parseYaml(file.content)->front().value));
  }
  const std::string text =
      cat("apiVersion: slipway.dev/v1alpha1\nkind: Release\nmetadata: {name: shop}\nspec:\n  source: {directory: "
          "{path: /s}}\n"
          "  destinations: [{name: web}]\n  layout: {root: /srv/shop}\n  traffic: ",
          traffic, "\n");
  std::string out;
  for (const schema::LintFinding& finding : schema::lintManifests("a.yaml", text, crds)) {
    out += cat(finding.field, ": ", finding.message, "\n");
  }
  return out;
}

TEST(TrafficSpec, TakesEveryProxyWithNoMoreThanItsService) {
  for (const char* type : {"nginx", "haproxy", "caddy", "traefik"}) {
    EXPECT_EQ(findings(cat("{type: ", type, ", service: shop}")), "");
  }
  EXPECT_EQ(findings("{type: haproxy, service: shop, writeService: shop-write, admin: '127.0.0.1:9999'}"), "");
  EXPECT_EQ(findings("{type: caddy, service: shop, admin: '[::1]:2019', file: /etc/caddy/caddy.json}"), "");
}

TEST(TrafficSpec, NamesWhatIsWrongWithTheFieldsPath) {
  EXPECT_EQ(findings("{type: apache, service: shop}"),
            "spec.traffic.type: Unsupported value: \"apache\": supported values: \"nginx\", \"haproxy\", \"caddy\", "
            "\"traefik\"\n");
  const auto about = [](const std::string& traffic, const std::string& field) {
    const std::string out = findings(traffic);
    EXPECT_EQ(out.rfind(cat("spec.traffic.", field, ":"), 0), 0U) << traffic << " gave: " << out;
  };
  about("{type: nginx}", "service");
  about("{type: nginx, service: 'a;b'}", "service");
  about("{type: nginx, service: shop, writeService: w}", "writeService");
  about("{type: haproxy, service: shop, writeService: shop}", "writeService");
  about("{type: nginx, service: shop, admin: /run/x.sock}", "admin");
  about("{type: haproxy, service: shop, admin: 'run/x'}", "admin");
  about("{type: haproxy, service: shop, pidFile: /run/x.pid}", "pidFile");
  about("{type: caddy, service: shop, test: 'true'}", "test");
  about("{type: traefik, service: shop, reload: 'true'}", "reload");
  about("{type: nginx, service: shop, file: /etc/../x.conf}", "file");
  about("{type: traefik, service: shop, file: /etc/x.toml}", "file");
  about("{type: nginx, service: shop, servers: []}", "servers");
}

}  // namespace
}  // namespace slipway
