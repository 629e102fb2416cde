#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway {

class FieldReader;

// A request to every member, answered with a JSON document that says its role.
struct RoleRequest {
  std::string scheme = "http";
  std::string host;  // as in a health check
  std::string path = "/raft/status";
  int port = 80;
  std::string field = "role";  // names of members, with dots between them
  bool insecureSkipVerify = false;
  bool operator==(const RoleRequest&) const = default;
};

// How a member of a cluster is asked for its role. Exactly one of http and run is set. What is in neither list of
// values, and what does not answer, counts as down.
struct RoleProbe {
  std::optional<RoleRequest> http;
  std::string run;  // a command on the server; the last line that it prints is the role
  std::vector<std::string> leaderValues = {"leader"};
  std::vector<std::string> followerValues = {"follower"};
  Duration interval = std::chrono::seconds(5);  // between two looks at a cluster that is waited for
  Duration timeout = std::chrono::seconds(5);
  bool operator==(const RoleProbe&) const = default;
};

// Which member decides where the zones are even: those of a zone, or those with these labels.
struct TieBreaker {
  std::string zone;
  std::map<std::string, std::string> matchLabels;
  bool operator==(const TieBreaker&) const = default;
};

// The servers of a release are the members of a cluster with a leader and a quorum.
struct ClusterSpec {
  RoleProbe roleProbe;
  std::map<std::string, std::string> memberLabels;  // of the servers with a vote; empty: all of them
  int minAvailable = 0;                             // members that stay up at least; never fewer than the quorum
  std::string zoneLabel = "topology.kubernetes.io/zone";
  std::optional<TieBreaker> tieBreaker;
  bool leaderLast = true;
  Duration settleTimeout = std::chrono::minutes(5);  // for a leader, and for members that are down to come back
  bool operator==(const ClusterSpec&) const = default;
};

// How a member looked when it was asked last.
struct MemberSight {
  std::string role;     // Leader, Follower or Unknown
  std::string answer;   // what it said
  std::string message;  // why it is Unknown
  bool operator==(const MemberSight&) const = default;
};

// What a run knows of its cluster, and what it decided from that.
struct ClusterRecord {
  int surveys = 0;  // that ended: part of the operation id of the next
  std::string seenAt;
  std::map<std::string, MemberSight> members;     // by server, as the last survey saw them
  int splits = 0;                                 // surveys in a row that saw more than one leader
  int round = 1;                                  // one more each time a person resumed: waits begin anew
  std::vector<std::vector<std::string>> batches;  // servers that are taken together, in this order
  std::vector<std::vector<std::string>> back;     // likewise, on the way back
  bool operator==(const ClusterRecord&) const = default;
};

// Codecs of spec.cluster and of a run's status.cluster. What is wrong is told to `parent`.
void readCluster(const Json* json, std::optional<ClusterSpec>& out, FieldReader& parent);
Json toJson(const ClusterSpec& cluster);
ClusterRecord clusterRecordFromJson(const Json* json);
Json toJson(const ClusterRecord& record);  // null where there is nothing to say

}  // namespace slipway
