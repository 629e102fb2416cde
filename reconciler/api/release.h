#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/cluster/cluster_spec.h"
#include "reconciler/api/conditions.h"
#include "reconciler/api/hooks.h"
#include "reconciler/api/meta.h"
#include "reconciler/api/process.h"
#include "reconciler/api/source_spec.h"
#include "reconciler/api/strategy.h"
#include "reconciler/api/traffic.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"
#include "reconciler/base/status.h"

namespace slipway {

// Where a release goes: a Destination of the same namespace, whole or narrowed to some of its servers.
struct DestinationRef {
  std::string name;
  std::vector<std::string> servers;                // names; empty: all
  std::map<std::string, std::string> matchLabels;  // and these labels
  bool operator==(const DestinationRef&) const = default;
};

// The directories on each target: <root>/releases/<environment>/<id>, <root>/current-<environment>,
// <root>/previous-<environment>, <root>/shared, <root>/.state.
struct Layout {
  std::string root;
  std::string environment = "production";
  int keepReleases = 5;
  int keepFailed = 2;
  std::vector<std::string> sharedDirectories;
  std::vector<std::string> sharedFiles;
  std::vector<std::string> requiredFiles;
  bool operator==(const Layout&) const = default;
};

struct BuildStep {
  std::string name;
  std::string run;  // by /bin/sh in the release's directory
  Duration timeout = std::chrono::seconds(300);
  bool idempotent = true;  // false: after an interruption of which the end is unknown it is not run again
  std::map<std::string, std::string> env;
  bool operator==(const BuildStep&) const = default;
};

struct HttpCheck {
  std::string scheme = "http";
  std::string host;  // the Host header and, for https, the name to verify; empty: the server's address
  std::string path = "/";
  int port = 80;
  int minStatus = 200;
  int maxStatus = 399;
  bool insecureSkipVerify = false;
  bool operator==(const HttpCheck&) const = default;
};

struct ExecCheck {
  std::string run;
  Duration timeout = std::chrono::seconds(30);
  bool operator==(const ExecCheck&) const = default;
};

// A container of docker or podman on the server that must be running. Without an http check that is all it takes, and
// its own health check where it has one; with an http check that one decides.
struct ContainerCheck {
  std::string name;
  bool operator==(const ContainerCheck&) const = default;
};

// The process that the release started: alive, of the release, and not begun anew for so long.
struct ProcessCheck {
  Duration minUptime = std::chrono::seconds(10);
  // Of a process that commands start; empty: every process whose directory or program is the release's.
  std::string pidFile;
  bool operator==(const ProcessCheck&) const = default;
};

struct Health {
  std::optional<HttpCheck> http;
  std::optional<int> tcpPort;
  std::optional<ExecCheck> exec;
  std::optional<ContainerCheck> container;
  std::optional<ProcessCheck> process;
  std::optional<ExecCheck> beforeSwitch;  // in the prepared directory, at the gate
  int attempts = 30;
  Duration interval = std::chrono::seconds(10);
  Duration timeout = std::chrono::seconds(5);
  Duration initialDelay{0};           // from the start of the application to the first look
  int successThreshold = 1;           // good answers in a row that make it healthy
  int failureThreshold = 0;           // bad ones in a row that make a healthy one unhealthy; 0: see unhealthyAfter
  std::optional<Duration> freshness;  // an older verdict is asked again before a decision that depends on it
  bool any() const {
    return http.has_value() || tcpPort.has_value() || exec.has_value() || container.has_value() || process.has_value();
  }
  // The failure threshold; where none is set 3, or the attempts where these are fewer.
  int unhealthyAfter() const;
  bool operator==(const Health&) const = default;
};

// What one instance takes of a server, as written: "1.5" or "250m" processors, "512M", "1.5Gi" bytes.
struct ResourceNeeds {
  std::string cpu = "1";
  std::string memory = "512M";
  std::string disk = "1G";
  bool operator==(const ResourceNeeds&) const = default;
};

enum class RollbackPolicy { Automatic, Freeze, None };

struct ReleaseSpec {
  std::string version;  // empty: the controller makes a 14-digit id
  SourceSpec source;
  std::vector<DestinationRef> destinations;
  Layout layout;
  std::vector<BuildStep> build;
  std::optional<Process> process;  // nothing: none
  std::optional<Slots> slots;      // nothing: one instance on each server
  Strategy strategy;
  Health health;
  std::optional<TrafficSpec> traffic;  // nothing: no proxy of ours
  std::vector<Hook> hooks;
  std::optional<ClusterSpec> cluster;  // nothing: the servers have no leader and no quorum to keep
  RollbackPolicy rollback = RollbackPolicy::Automatic;
  std::optional<ResourceNeeds> resources;  // nothing: not compared with what servers have
  int maxParallel = 5;
  Duration prepareTimeout = std::chrono::minutes(30);
  bool suspend = false;
  bool operator==(const ReleaseSpec&) const = default;
};

// The four versions that are kept apart: what is asked for, what was last tried, what runs on all targets as observed,
// and the last one that ran and passed its checks everywhere.
struct ReleaseVersions {
  std::string desired;
  std::string attempted;
  std::string applied;
  std::string stable;
  bool operator==(const ReleaseVersions&) const = default;
};

// A version that was live, and what became of it. Newest first.
struct ReleaseHistoryEntry {
  std::string version;
  std::string run;
  std::string outcome;  // Completed, RolledBack, Failed, Cancelled
  std::string revision;
  std::string identity;
  std::string digest;  // of the prepared directory
  std::string finishedAt;
  bool bad = false;  // rolled back from: never a target of "previous" again
  std::string badReason;
  std::string analysis = {};  // what its analyses came to: "step 2 Successful, step 4 Failed"; empty: it had none
  bool operator==(const ReleaseHistoryEntry&) const = default;
};

// Percent of traffic on the new version: what the plan asks for, what the proxies were told, what they say. -1: not
// known.
struct TrafficWeight {
  int requested = -1;
  int set = -1;
  int verified = -1;
  bool operator==(const TrafficWeight&) const = default;
};

struct HandledRequest {
  std::string token;
  std::string result;  // "Accepted", or why not
  std::string at;
  std::string then = {};  // a rollback that waits for the end of the run that goes on: to this version
  bool operator==(const HandledRequest&) const = default;
};

struct ReleaseStatus {
  std::int64_t observedGeneration = -1;
  std::vector<Condition> conditions;
  std::string phase;  // of the current run, or Ready, Suspended, Pending
  std::string step;   // "prepared 3/5"
  std::string message;
  TrafficWeight weight;  // of the current run; not known where no traffic is managed
  ReleaseVersions versions;
  std::string identity;  // canonical hash of what the last attempt was made from
  std::string currentRun;
  std::string lastOutcome;
  std::string drift;      // None, Drifted, Unknown
  std::string liveGroup;  // of spec.strategy.blueGreen.groups: the one that has the traffic; empty: none yet
  std::int64_t runCounter = 0;
  std::vector<ReleaseHistoryEntry> history;
  std::map<std::string, HandledRequest> handledRequests;  // by verb
  bool operator==(const ReleaseStatus&) const = default;
};

struct Release {
  ObjectMeta meta;
  ReleaseSpec spec;
  ReleaseStatus status;
};

// Codecs. Reading expects an object that admission has validated and defaulted; what is missing takes the default.
Result<Release> releaseFromJson(const Json& object);
Result<ReleaseSpec> releaseSpecFromJson(const Json& spec);
Json toJson(const ReleaseSpec& spec);
Json toJson(const ReleaseStatus& status);
TrafficWeight weightFromJson(const Json* json);
Json toJson(const TrafficWeight& weight);

// What asks for a new run when it changes: version, source, destinations, layout root, environment and shared paths,
// build and process. Health, strategy and limits are not part of it. "v1:" and a hash over normalised content; the form
// never changes for v1, or an upgrade of the controller would re-roll everything.
std::string releaseIdentity(const ReleaseSpec& spec);

// What a prepared directory was made from: the content, the shared paths and the build steps. A directory that was
// prepared for another identity is not trusted.
std::string preparedIdentity(const ReleaseSpec& spec, const std::string& artifactDigest);

// Release ids per environment: `staging` takes YYYYMMDD-HHMM or 14 digits, `production` a semantic version or 14
// digits, others any name of letters, digits, dot, dash and underscore. Invalid says what is expected.
Status checkReleaseId(const std::string& environment, const std::string& id);

// The id of a new release: spec.version, else the version in the tag (without a leading v) where it is one for the
// environment, else 14 digits of UTC time, moved on by seconds until `taken` does not know it.
std::string newReleaseId(const ReleaseSpec& spec, WallTime now, const std::vector<std::string>& taken);

}  // namespace slipway
