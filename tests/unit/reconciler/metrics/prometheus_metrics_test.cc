#include "reconciler/metrics/prometheus_metrics.h"

#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/metrics/catalogue.h"

namespace slipway::metrics {
namespace {

bool has(const PrometheusMetrics& metrics, const std::string& line) {
  return ("\n" + metrics.expose()).find("\n" + line + "\n") != std::string::npos;
}

std::size_t seriesOf(const PrometheusMetrics& metrics, const std::string& name) {
  std::size_t count = 0;
  for (const auto& line : split(metrics.expose(), '\n')) count += line.starts_with(name + "{") ? 1 : 0;
  return count;
}

TEST(PrometheusMetrics, ShowsCountersGaugesAndHistograms) {
  PrometheusMetrics metrics;
  metrics.add("slipway_runs_total", {{"strategy", "Atomic"}, {"outcome", "Completed"}});
  metrics.add("slipway_runs_total", {{"outcome", "Completed"}, {"strategy", "Atomic"}}, 2);
  metrics.set("slipway_runs_open", {}, 5);
  metrics.set("slipway_runs_open", {}, 4);
  metrics.observe("slipway_switch_skew_seconds", {}, 0.02);
  EXPECT_TRUE(has(metrics, "# TYPE slipway_runs_total counter"));
  EXPECT_TRUE(has(metrics, R"(slipway_runs_total{outcome="Completed",strategy="Atomic"} 3)")) << metrics.expose();
  EXPECT_TRUE(has(metrics, "slipway_runs_open 4"));
  EXPECT_TRUE(has(metrics, R"(slipway_switch_skew_seconds_bucket{le="0.01"} 0)"));
  EXPECT_TRUE(has(metrics, R"(slipway_switch_skew_seconds_bucket{le="0.025"} 1)"));
  EXPECT_TRUE(has(metrics, R"(slipway_switch_skew_seconds_bucket{le="+Inf"} 1)"));
  EXPECT_TRUE(has(metrics, "slipway_switch_skew_seconds_count 1"));
}

TEST(PrometheusMetrics, CountersWithoutLabelsStartAtNought) {
  EXPECT_TRUE(has(PrometheusMetrics(), "slipway_store_commits_total 0"));
}

TEST(PrometheusMetrics, CountsWhatItCannotKeep) {
  PrometheusMetrics metrics;
  metrics.add("slipway_no_such_total", {});
  metrics.add("slipway_runs_total", {{"strategy", "Atomic"}});
  metrics.add("slipway_runs_total", {{"strategy", "Atomic"}, {"result", "x"}});
  metrics.set("slipway_runs_total", {{"strategy", "Atomic"}, {"outcome", "x"}}, 1);
  metrics.add("slipway_store_commits_total", {}, -1);
  metrics.observe("slipway_switch_skew_seconds", {}, std::numeric_limits<double>::quiet_NaN());
  const std::string dropped = "slipway_metrics_dropped_total{metric=";
  EXPECT_TRUE(has(metrics, dropped + R"("slipway_no_such_total",reason="unknown"} 1)")) << metrics.expose();
  EXPECT_TRUE(has(metrics, dropped + R"("slipway_runs_total",reason="labels"} 2)"));
  EXPECT_TRUE(has(metrics, dropped + R"("slipway_runs_total",reason="type"} 1)"));
  EXPECT_TRUE(has(metrics, dropped + R"("slipway_store_commits_total",reason="type"} 1)"));
  EXPECT_TRUE(has(metrics, dropped + R"("slipway_switch_skew_seconds",reason="type"} 1)"));
  EXPECT_TRUE(has(metrics, "slipway_store_commits_total 0"));
}

TEST(PrometheusMetrics, KeepsABoundedNumberOfSeries) {
  PrometheusMetrics metrics(10);
  for (int i = 0; i < 50; ++i) {
    metrics.set("slipway_release_ready", {{"namespace", "default"}, {"release", cat("r", i)}}, 1);
  }
  EXPECT_EQ(seriesOf(metrics, "slipway_release_ready"), 10U);
  EXPECT_TRUE(has(metrics, R"(slipway_metrics_dropped_total{metric="slipway_release_ready",reason="overflow"} 40)"));
  metrics.set("slipway_release_ready", {{"namespace", "default"}, {"release", "r3"}}, 0);
  EXPECT_TRUE(has(metrics, R"(slipway_release_ready{namespace="default",release="r3"} 0)")) << "old ones go on";
}

TEST(PrometheusMetrics, ForgetsTheSeriesOfAnObjectInEveryFamily) {
  PrometheusMetrics metrics(3);
  for (int i = 0; i < 100; ++i) {
    const std::string name = cat("r", i);
    metrics.set("slipway_release_ready", {{"namespace", "default"}, {"release", name}}, 1);
    metrics.set("slipway_release_targets", {{"namespace", "default"}, {"release", name}, {"state", "live"}}, 1);
    if (i > 0) metrics.forget("release", cat("r", i - 1));
  }
  EXPECT_EQ(seriesOf(metrics, "slipway_release_ready"), 1U);
  EXPECT_EQ(seriesOf(metrics, "slipway_release_targets"), 1U);
  EXPECT_EQ(seriesOf(metrics, "slipway_metrics_dropped_total"), 0U);
  metrics.forget("nothing", "x");
}

TEST(PrometheusMetrics, LabelValuesCannotBreakTheFormat) {
  PrometheusMetrics metrics;
  const std::string tooLong(5000, 'x');
  metrics.set("slipway_release_ready", {{"namespace", "a\"b\\c\nd"}, {"release", tooLong}}, 1);
  metrics.set("slipway_release_ready", {{"namespace", "\xff"}, {"release", "r"}}, 1);
  metrics.set("slipway_release_ready", {{"namespace", "\xfe"}, {"release", "r"}}, 2);
  EXPECT_TRUE(
      has(metrics, cat(R"(slipway_release_ready{namespace="a\"b\\c?d",release=")", std::string(128, 'x'), R"("} 1)")))
      << metrics.expose();
  EXPECT_TRUE(has(metrics, R"(slipway_release_ready{namespace="?",release="r"} 2)"));
  metrics.forget("namespace", "\xff");
  EXPECT_TRUE(has(metrics, R"(slipway_release_ready{namespace="?",release="r"} 2)"));
  metrics.forget("namespace", "\xfe");
  EXPECT_EQ(seriesOf(metrics, "slipway_release_ready"), 1U);
}

TEST(PrometheusMetrics, CountsExactlyFromManyThreads) {
  PrometheusMetrics metrics;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          metrics.add("slipway_store_commits_total", {});
          metrics.set("slipway_release_ready", {{"namespace", "n"}, {"release", cat(i % 7)}}, 1);
          if (i % 100 == 0) metrics.forget("release", cat(i % 7));
          if (i % 250 == 0) (void)metrics.expose();
        }
      });
    }
  }
  EXPECT_TRUE(has(metrics, "slipway_store_commits_total 4000"));
}

TEST(Catalogue, FollowsTheNamingRules) {
  std::set<std::string_view> names;
  for (const auto& info : kCatalogue) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " is there twice";
    EXPECT_TRUE(info.name.starts_with("slipway_")) << info.name;
    EXPECT_TRUE(info.help.ends_with(".")) << info.name;
    EXPECT_EQ(info.type == MetricType::Counter, info.name.ends_with("_total")) << info.name;
    EXPECT_EQ(info.type == MetricType::Histogram, !info.buckets.empty()) << info.name;
    EXPECT_TRUE(std::is_sorted(info.buckets.begin(), info.buckets.end())) << info.name;
  }
}

// Modules name metrics by text: a name that is not in the catalogue would be lost without a word at compile time.
TEST(Catalogue, HasEveryNameThatTheSourcesUse) {
  // Run from a folder below the sources, whatever the compiler was told of their place.
  auto root = std::filesystem::current_path();
  while (!std::filesystem::exists(root / "reconciler/metrics/catalogue.h")) {
    if (root == root.parent_path()) GTEST_SKIP() << "the sources are not here";
    root = root.parent_path();
  }
  std::size_t used = 0;
  for (const char* folder : {"reconciler", "providers", "cmd"}) {
    if (!std::filesystem::exists(root / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".cc") continue;
      std::ifstream in(entry.path());
      std::stringstream text;
      text << in.rdbuf();
      const std::string source = text.str();
      constexpr std::string_view kPrefix = "\"slipway_";
      for (auto at = source.find(kPrefix); at != std::string::npos; at = source.find(kPrefix, at + 1)) {
        const std::string name = source.substr(at + 1, source.find('"', at + 1) - at - 1);
        EXPECT_NE(findMetric(name), nullptr) << entry.path() << " uses " << name;
        ++used;
      }
    }
  }
  EXPECT_GT(used, 10U);
}

}  // namespace
}  // namespace slipway::metrics
