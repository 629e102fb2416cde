#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "reconciler/ports/metrics.h"

namespace slipway::metrics {

// What a listener says the exposition is.
inline constexpr std::string_view kExpositionContentType = "text/plain; version=0.0.4; charset=utf-8";

// The Metrics port over the families of catalogue.h. Each family keeps a bounded number of series: what would be one
// more is dropped and counted in slipway_metrics_dropped_total, as are unknown names and wrong label sets.
class PrometheusMetrics final : public Metrics {
 public:
  explicit PrometheusMetrics(std::size_t maxSeriesPerFamily = 2000);
  ~PrometheusMetrics() override;

  void add(std::string_view counter, const MetricLabels& labels, double by = 1) override;
  void set(std::string_view gauge, const MetricLabels& labels, double value) override;
  void observe(std::string_view histogram, const MetricLabels& labels, double value) override;
  void forget(std::string_view label, std::string_view value) override;

  // All series in Prometheus' text format. Thread-safe.
  std::string expose() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::metrics
