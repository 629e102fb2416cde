#pragma once

#include <array>
#include <span>
#include <string_view>

namespace slipway::metrics {

enum class MetricType { Counter, Gauge, Histogram };

// One metric family. `labels` names the labels it may carry, in any order; a series with another set is refused.
struct MetricInfo {
  std::string_view name;
  MetricType type;
  std::string_view labels;  // separated by ','
  std::string_view help;
  std::span<const double> buckets = {};
};

// Upper bounds in seconds for what happens in memory or on one disk, and for what happens on servers.
inline constexpr std::array kFastSeconds{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                         0.025,   0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   10.0};
inline constexpr std::array kSlowSeconds{0.01, 0.05, 0.1,  0.25,  0.5,   1.0,   2.5,   5.0,
                                         10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0};
inline constexpr std::array kBatchSizes{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0};

// Every metric of the project. Modules name them by text, as they may not include this header: a name or label set that
// is not here is dropped and counted in slipway_metrics_dropped_total.
inline constexpr std::array kCatalogue{
    MetricInfo{"slipway_build_info", MetricType::Gauge, "version,commit", "Always 1; the running build."},

    MetricInfo{"slipway_reconcile_total", MetricType::Counter, "controller,result",
               "Reconciliations by result: done, wait, retry, reobserve, stalled, ignored."},
    MetricInfo{"slipway_reconcile_errors_total", MetricType::Counter, "controller,code",
               "Reconciliations that ended in an error, by status code."},
    MetricInfo{"slipway_reconcile_duration_seconds", MetricType::Histogram, "controller",
               "How long one reconciliation took.", kFastSeconds},
    MetricInfo{"slipway_reconcile_active", MetricType::Gauge, "controller", "Workers that hold a key now."},
    MetricInfo{"slipway_queue_depth", MetricType::Gauge, "queue", "Keys that wait for a worker."},
    MetricInfo{"slipway_queue_delayed", MetricType::Gauge, "queue", "Keys that wait for their time."},
    MetricInfo{"slipway_queue_adds_total", MetricType::Counter, "queue", "Keys added, merged ones not counted."},
    MetricInfo{"slipway_queue_retries_total", MetricType::Counter, "queue", "Keys added again with back-off."},
    MetricInfo{"slipway_queue_latency_seconds", MetricType::Histogram, "queue", "How long a key waited for a worker.",
               kFastSeconds},
    MetricInfo{"slipway_informer_objects", MetricType::Gauge, "kind", "Objects in the cache."},
    MetricInfo{"slipway_informer_events_total", MetricType::Counter, "kind,type", "Watch events that were applied."},
    MetricInfo{"slipway_informer_relists_total", MetricType::Counter, "kind", "Full lists, the first one included."},

    MetricInfo{"slipway_store_commits_total", MetricType::Counter, "", "Durable transactions."},
    MetricInfo{"slipway_store_commit_mutations", MetricType::Histogram, "", "Changes in one transaction.", kBatchSizes},
    MetricInfo{"slipway_store_commit_duration_seconds", MetricType::Histogram, "",
               "How long a transaction took, sync included.", kFastSeconds},
    MetricInfo{"slipway_store_revision", MetricType::Gauge, "", "The newest durable revision."},
    MetricInfo{"slipway_store_compacted_revision", MetricType::Gauge, "", "The newest revision that was compacted."},
    MetricInfo{"slipway_store_size_bytes", MetricType::Gauge, "", "Size of the database file."},
    MetricInfo{"slipway_store_checkpoints_total", MetricType::Counter, "result", "Log checkpoints: done, busy."},

    MetricInfo{"slipway_api_requests_total", MetricType::Counter, "verb,resource,code",
               "API requests by verb, resource and HTTP code."},
    MetricInfo{"slipway_api_request_duration_seconds", MetricType::Histogram, "verb,resource",
               "How long a request took; watches are not counted.", kFastSeconds},
    MetricInfo{"slipway_api_requests_in_flight", MetricType::Gauge, "", "Requests that are being answered."},
    MetricInfo{"slipway_api_connections", MetricType::Gauge, "", "Open client connections."},
    MetricInfo{"slipway_api_watches", MetricType::Gauge, "resource", "Open watches."},
    MetricInfo{"slipway_api_watch_events_total", MetricType::Counter, "resource", "Events handed to watches."},
    MetricInfo{"slipway_api_watch_expired_total", MetricType::Counter, "resource",
               "Watches ended because they were too slow or asked for a compacted version."},

    MetricInfo{"slipway_operations_total", MetricType::Counter, "action,outcome", "Operations that ended."},
    MetricInfo{"slipway_runs_total", MetricType::Counter, "strategy,outcome", "Finished runs."},
    MetricInfo{"slipway_runs_open", MetricType::Gauge, "", "Runs that are not finished."},
    MetricInfo{"slipway_run_duration_seconds", MetricType::Histogram, "strategy,outcome",
               "From the start of a run to its end.", kSlowSeconds},
    MetricInfo{"slipway_run_phase_duration_seconds", MetricType::Histogram, "phase", "How long runs stayed in a phase.",
               kSlowSeconds},
    MetricInfo{"slipway_step_duration_seconds", MetricType::Histogram, "step,outcome",
               "How long one step on one target took.", kSlowSeconds},
    MetricInfo{"slipway_switch_skew_seconds", MetricType::Histogram, "",
               "From the first target's switch to the last one's.", kFastSeconds},
    MetricInfo{"slipway_release_ready", MetricType::Gauge, "namespace,release", "1 when the Release is Ready."},
    MetricInfo{"slipway_release_targets", MetricType::Gauge, "namespace,release,state",
               "Targets of the Release: desired, live, failed."},

    MetricInfo{"slipway_ssh_parallel", MetricType::Gauge, "", "1 when commands run side by side, 0 one at a time."},
    MetricInfo{"slipway_release_weight", MetricType::Gauge, "namespace,release",
               "Percent of traffic on the new version, as read back from the proxies."},
    MetricInfo{"slipway_release_drifted_targets", MetricType::Gauge, "namespace,release",
               "Targets that are not as the last run left them, when they were last looked at."},
    MetricInfo{"slipway_server_reachable", MetricType::Gauge, "namespace,server",
               "1 when the Server answered when it was last asked, 0 when it did not."},
    MetricInfo{"slipway_server_probes_total", MetricType::Counter, "result",
               "Times that a Server was asked whether it answers: ok or a code."},

    MetricInfo{"slipway_ssh_connections", MetricType::Gauge, "", "Open SSH connections."},
    MetricInfo{"slipway_ssh_connects_total", MetricType::Counter, "result", "SSH connection attempts: ok or a code."},
    MetricInfo{"slipway_ssh_commands_total", MetricType::Counter, "result", "Remote commands: ok or a code."},
    MetricInfo{"slipway_ssh_bytes_sent_total", MetricType::Counter, "", "Bytes sent to servers."},
    MetricInfo{"slipway_analysis_measurements_total", MetricType::Counter, "provider,result",
               "Measurements of analyses: Successful, Failed, Inconclusive, NoData or Error."},
    MetricInfo{"slipway_analysis_runs_total", MetricType::Counter, "verdict",
               "Analyses that came to a verdict: Successful, Failed or Inconclusive."},
    MetricInfo{"slipway_http_exchanges_total", MetricType::Counter, "type,result",
               "Outbound HTTP requests and TCP connection attempts: ok or a code."},
    MetricInfo{"slipway_http_exchange_duration_seconds", MetricType::Histogram, "type", "How long one of them took.",
               kFastSeconds},
    MetricInfo{"slipway_health_checks_total", MetricType::Counter, "type,result", "Health probes: ok or failed."},
    MetricInfo{"slipway_source_fetches_total", MetricType::Counter, "type,result",
               "Fetches of a revision: ok, cached, or a code."},
    MetricInfo{"slipway_source_fetch_duration_seconds", MetricType::Histogram, "type", "How long a fetch took.",
               kSlowSeconds},

    MetricInfo{"slipway_events_recorded_total", MetricType::Counter, "type", "Kubernetes Events written."},
    MetricInfo{"slipway_events_dropped_total", MetricType::Counter, "reason",
               "Kubernetes Events that were not written: full, failed."},
    MetricInfo{"slipway_metrics_dropped_total", MetricType::Counter, "metric,reason",
               "Observations that were not kept: unknown, labels, overflow, type."},
};

// nullptr when there is no such metric.
constexpr const MetricInfo* findMetric(std::string_view name) {
  for (const auto& info : kCatalogue) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

}  // namespace slipway::metrics
