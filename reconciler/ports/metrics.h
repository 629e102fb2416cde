#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Counts what happens. Thread-safe, cheap, never fails: an unknown name or label set is a defect that the
// implementation counts. Names and their help texts are in reconciler/metrics/catalogue.h.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual void add(std::string_view counter, const MetricLabels& labels, double by = 1) = 0;
  virtual void set(std::string_view gauge, const MetricLabels& labels, double value) = 0;
  // Seconds, or bytes where the name says so.
  virtual void observe(std::string_view histogram, const MetricLabels& labels, double value) = 0;
  // Drops every series that has this label value: its object is gone.
  virtual void forget(std::string_view label, std::string_view value) = 0;
};

class NullMetrics final : public Metrics {
 public:
  void add(std::string_view, const MetricLabels&, double) override {}
  void set(std::string_view, const MetricLabels&, double) override {}
  void observe(std::string_view, const MetricLabels&, double) override {}
  void forget(std::string_view, std::string_view) override {}
};

}  // namespace slipway
