#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reconciler/api/run.h"

namespace slipway::planner {

// One server of a cluster, as it was seen last. Whoever does not say a role counts as down.
struct Member {
  std::string name;
  std::string zone;  // empty: none
  bool voter = true;
  bool tieBreaker = false;
  bool up = false;
  bool leader = false;
};

// The members by their place in RunStatus::targets, and what must not happen to them.
class Quorum {
 public:
  Quorum(std::vector<Member> members, std::size_t minAvailable);
  // From the run's record.
  static Quorum of(const RunSpec& run, const RunStatus& status);

  const Member& member(std::size_t i) const { return members_[i]; }
  // None of them is up.
  bool allDown(const std::vector<std::size_t>& taken) const;
  std::size_t voters() const { return voters_; }
  std::size_t up() const { return up_; }          // of those with a vote
  std::size_t needed() const { return needed_; }  // more than half of them, or more where the spec says so
  // More than one: a split brain.
  std::vector<std::string> leaders() const;

  // Why these must not be down together with those that are; empty: they may. Members that are down already change
  // nothing.
  std::string objection(const std::vector<std::size_t>& taken) const;

  // What is taken next of `candidates`, at most so many: first who is down, then who is up, and with `leaderLast` the
  // leader alone when nobody else is left. Empty: nobody may be taken now.
  struct Limit {
    std::size_t most = 1;
    bool leaderLast = true;
    bool oneZone = false;
  };
  std::vector<std::size_t> next(const std::vector<std::size_t>& candidates, const Limit& limit) const;
  // Those of `candidates` whose turn it is, whether they may be taken or not. REQUIRES: there are candidates
  std::vector<std::size_t> turn(const std::vector<std::size_t>& candidates, bool leaderLast) const;

 private:
  bool downWith(const std::vector<std::size_t>& taken, std::size_t i) const;
  std::string objectionOfZones(const std::vector<std::size_t>& taken) const;

  std::vector<Member> members_;
  std::size_t voters_ = 0;
  std::size_t up_ = 0;
  std::size_t needed_ = 0;
};

// Of so many with a vote, how many must be up.
std::size_t quorumOf(std::size_t voters, std::size_t minAvailable);

// What is unwise about so many members; empty: nothing.
std::string sizeWarning(std::size_t voters);

}  // namespace slipway::planner
