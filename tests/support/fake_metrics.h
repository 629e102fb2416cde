#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>

#include "reconciler/ports/metrics.h"

namespace slipway {

// Remembers sums of counters, last values of gauges, numbers of observations.
class FakeMetrics final : public Metrics {
 public:
  void add(std::string_view counter, const MetricLabels& labels, double by) override { at(counter, labels, by, true); }
  void set(std::string_view gauge, const MetricLabels& labels, double value) override {
    at(gauge, labels, value, false);
  }
  void observe(std::string_view histogram, const MetricLabels& labels, double) override {
    at(histogram, labels, 1, true);
  }
  void forget(std::string_view, std::string_view) override {}

  double value(std::string_view name, MetricLabels labels) const {
    std::sort(labels.begin(), labels.end());
    const std::lock_guard lock(mutex_);
    const auto it = values_.find({std::string(name), labels});
    return it == values_.end() ? 0 : it->second;
  }
  // Over all label sets.
  double total(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    double sum = 0;
    for (const auto& [key, value] : values_) sum += key.first == name ? value : 0;
    return sum;
  }

 private:
  void at(std::string_view name, MetricLabels labels, double value, bool sum) {
    std::sort(labels.begin(), labels.end());
    const std::lock_guard lock(mutex_);
    double& slot = values_[{std::string(name), std::move(labels)}];
    slot = sum ? slot + value : value;
  }

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, MetricLabels>, double> values_;
};

}  // namespace slipway
