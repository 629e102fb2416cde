#include "reconciler/metrics/prometheus_metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "reconciler/base/strings.h"
#include "reconciler/metrics/catalogue.h"

namespace slipway::metrics {
namespace {

constexpr std::string_view kDropped = "slipway_metrics_dropped_total";
constexpr std::size_t kMaxLabelValue = 128;

// Names come from users and servers; the format wants UTF-8, and one value must not fill a page.
std::string labelValue(std::string_view value) {
  std::string out(value.substr(0, kMaxLabelValue));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return out;
}

// One family and its series by label values, in the catalogue's order.
class Family {
 public:
  explicit Family(const MetricInfo& metric) : info(metric) {
    if (!metric.labels.empty()) names_ = split(metric.labels, ',');
  }
  virtual ~Family() = default;
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  enum class Outcome { Kept, WrongLabels, Overflow };

  Outcome record(const MetricLabels& labels, double value, std::size_t maxSeries) {
    const auto values = ordered(labels);
    if (!values) return Outcome::WrongLabels;
    const std::lock_guard lock(mutex_);
    auto it = series_.find(*values);
    if (it == series_.end()) {
      if (series_.size() >= maxSeries) return Outcome::Overflow;
      std::map<std::string, std::string> set;
      for (std::size_t i = 0; i < names_.size(); ++i) set[names_[i]] = labelValue((*values)[i]);
      it = series_.emplace(*values, make(set)).first;
    }
    update(it->second, value);
    return Outcome::Kept;
  }

  void forget(std::string_view label, std::string_view value) {
    const auto at = std::find(names_.begin(), names_.end(), label);
    if (at == names_.end()) return;
    const auto index = static_cast<std::size_t>(at - names_.begin());
    const std::lock_guard lock(mutex_);
    for (auto it = series_.begin(); it != series_.end();) {
      if (it->first[index] != value) {
        ++it;
        continue;
      }
      // Two raw values may have become one label value; the series goes with the last of them.
      void* series = it->second;
      it = series_.erase(it);
      const bool shared =
          std::any_of(series_.begin(), series_.end(), [&](const auto& s) { return s.second == series; });
      if (!shared) remove(series);
    }
  }

  const MetricInfo& info;

 protected:
  virtual void* make(const std::map<std::string, std::string>& labels) = 0;
  virtual void update(void* series, double value) = 0;
  virtual void remove(void* series) = 0;

 private:
  using Values = std::vector<std::string>;

  std::optional<Values> ordered(const MetricLabels& labels) const {
    if (labels.size() != names_.size()) return std::nullopt;
    Values values;
    values.reserve(names_.size());
    for (const auto& name : names_) {
      const auto it =
          std::find_if(labels.begin(), labels.end(), [&](const auto& label) { return label.first == name; });
      if (it == labels.end()) return std::nullopt;
      values.push_back(it->second);
    }
    return values;
  }

  std::vector<std::string> names_;
  std::mutex mutex_;
  std::map<Values, void*> series_;
};

class CounterFamily final : public Family {
 public:
  CounterFamily(const MetricInfo& metric, prometheus::Registry& registry)
      : Family(metric),
        family_(prometheus::BuildCounter()
                    .Name(std::string(metric.name))
                    .Help(std::string(metric.help))
                    .Register(registry)) {}

 private:
  void* make(const std::map<std::string, std::string>& labels) override { return &family_.Add(labels); }
  void update(void* series, double value) override { static_cast<prometheus::Counter*>(series)->Increment(value); }
  void remove(void* series) override { family_.Remove(static_cast<prometheus::Counter*>(series)); }
  prometheus::Family<prometheus::Counter>& family_;
};

class GaugeFamily final : public Family {
 public:
  GaugeFamily(const MetricInfo& metric, prometheus::Registry& registry)
      : Family(metric),
        family_(
            prometheus::BuildGauge().Name(std::string(metric.name)).Help(std::string(metric.help)).Register(registry)) {
  }

 private:
  void* make(const std::map<std::string, std::string>& labels) override { return &family_.Add(labels); }
  void update(void* series, double value) override { static_cast<prometheus::Gauge*>(series)->Set(value); }
  void remove(void* series) override { family_.Remove(static_cast<prometheus::Gauge*>(series)); }
  prometheus::Family<prometheus::Gauge>& family_;
};

class HistogramFamily final : public Family {
 public:
  HistogramFamily(const MetricInfo& metric, prometheus::Registry& registry)
      : Family(metric),
        family_(prometheus::BuildHistogram()
                    .Name(std::string(metric.name))
                    .Help(std::string(metric.help))
                    .Register(registry)) {}

 private:
  void* make(const std::map<std::string, std::string>& labels) override {
    return &family_.Add(labels, prometheus::Histogram::BucketBoundaries(info.buckets.begin(), info.buckets.end()));
  }
  void update(void* series, double value) override { static_cast<prometheus::Histogram*>(series)->Observe(value); }
  void remove(void* series) override { family_.Remove(static_cast<prometheus::Histogram*>(series)); }
  prometheus::Family<prometheus::Histogram>& family_;
};

std::unique_ptr<Family> newFamily(const MetricInfo& info, prometheus::Registry& registry) {
  switch (info.type) {
    case MetricType::Counter:
      return std::make_unique<CounterFamily>(info, registry);
    case MetricType::Gauge:
      return std::make_unique<GaugeFamily>(info, registry);
    case MetricType::Histogram:
      return std::make_unique<HistogramFamily>(info, registry);
  }
  return nullptr;
}

}  // namespace

struct PrometheusMetrics::State {
  explicit State(std::size_t max) : maxSeries(max) {
    for (const auto& info : kCatalogue) {
      auto family = newFamily(info, registry);
      // Counters without labels show from the start, so that a rate over them sees the first event.
      if (info.type == MetricType::Counter && info.labels.empty()) (void)family->record({}, 0, maxSeries);
      families.emplace(info.name, std::move(family));
    }
  }

  void record(std::string_view name, MetricType type, const MetricLabels& labels, double value) {
    const auto it = families.find(name);
    if (it == families.end()) return drop(name, "unknown");
    const bool impossible = type != MetricType::Gauge && (std::isnan(value) || value < 0);
    if (it->second->info.type != type || impossible) return drop(name, "type");
    switch (it->second->record(labels, value, maxSeries)) {
      case Family::Outcome::Kept:
        return;
      case Family::Outcome::WrongLabels:
        return drop(name, "labels");
      case Family::Outcome::Overflow:
        return drop(name, "overflow");
    }
  }
  void drop(std::string_view name, std::string_view reason) {
    (void)families.at(kDropped)->record({{"metric", std::string(name)}, {"reason", std::string(reason)}}, 1, maxSeries);
  }

  const std::size_t maxSeries;
  prometheus::Registry registry;
  std::unordered_map<std::string_view, std::unique_ptr<Family>> families;  // fixed after construction
};

PrometheusMetrics::PrometheusMetrics(std::size_t maxSeriesPerFamily)
    : state_(std::make_unique<State>(maxSeriesPerFamily)) {}

PrometheusMetrics::~PrometheusMetrics() = default;

void PrometheusMetrics::add(std::string_view counter, const MetricLabels& labels, double by) {
  state_->record(counter, MetricType::Counter, labels, by);
}

void PrometheusMetrics::set(std::string_view gauge, const MetricLabels& labels, double value) {
  state_->record(gauge, MetricType::Gauge, labels, value);
}

void PrometheusMetrics::observe(std::string_view histogram, const MetricLabels& labels, double value) {
  state_->record(histogram, MetricType::Histogram, labels, value);
}

void PrometheusMetrics::forget(std::string_view label, std::string_view value) {
  for (const auto& [name, family] : state_->families) family->forget(label, value);
}

std::string PrometheusMetrics::expose() const {
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace slipway::metrics
