#include "tests/sim/world/invariants.h"

namespace slipway::sim {
namespace {

constexpr std::string_view kNoRolling =
    "needs the Rolling, Canary or BlueGreen strategy or traffic, which do not exist";

constexpr std::array<InvariantInfo, kInvariants> kTable{{
    {1, "no more than maxUnavailable are out of service", false, kNoRolling},
    {2, "surge never exceeds maxSurge", false, kNoRolling},
    {3, "no live link names a release that failed or differs", true, "each move of a live link"},
    {4, "no weight without a passing gate", false, kNoRolling},
    {5, "a switch starts only when every target is prepared", true, "each switch that is sent or moves a link"},
    {6, "a terminal run tells the truth about its targets", true, "each end of a run"},
    {7, "a decision never flips", true, "each write of a run"},
    {8, "first to last flip stays in the budget or undo starts", false, "SkewExceeded is an event, not an undo"},
    {9, "one plan per destination, fenced", true, "each script that takes the lock of a host"},
    {10, "after an abort only compensating effects", true, "each command that is sent"},
    {11, "old capacity goes after its replacement serves", false, kNoRolling},
    {12, "weights sum to 100", false, kNoRolling},
    {13, "steps run in order, bake time is kept", false, kNoRolling},
    {14, "no data is no success", false, "metric gates do not exist yet"},
    {15, "rollback stays possible: nothing named is collected", true, "each removal of a release directory"},
    {16, "the release after rollback is what was live before", true, "each run that ends RolledBack"},
    {17, "rollback is not blocked by health, freeze or approval", true, "each rollback that a person asks for ends"},
    {18, "the live link is never absent", true, "each move of a live link"},
    {19, "effects that may run once run once per operation", true, "each command that is not idempotent"},
    {20, "idempotent effects repeated equal one", true, "the crash engine: final state of repeated effects"},
    {21, "a crash at any boundary ends where no crash ends", true, "the crash engine: final state of each run"},
    {22, "nothing destructive without a precondition", true, "each removal of a release directory holds the fence"},
    {23, "a namesake made later harms and inherits nothing", true, "each new run and each switch"},
    {24, "a finalizer goes after its cleanup", true, "each deletion of a release"},
    {25, "prune refuses an empty source", false, "nothing is pruned by this version"},
    {26, "observedGeneration follows the deed", true, "each write of a release"},
    {27, "Ready claims what is true on the servers", true, "each release that becomes Ready"},
    {28, "transition times change with their value only", true, "each write of a release or run"},
    {29, "erased status is rebuilt", true, "the end of each seed, after F31"},
    {30, "no change: no write, no effect", true, "an hour at the end of each seed"},
    {31, "eventually stable", true, "the end of each seed"},
    {32, "every deadline fires", true, "the end of each seed: no run is open"},
    {33, "verbs are answered in every state", true, "the end of each seed"},
    {34, "a bad old version never blocks a good new one", true, "the end of each seed: a new version is applied"},
    {35, "a stuck destination delays others by a bound", true, "the end of each seed: every release got there"},
    {36, "a new spec re-plans; generations never interleave", true, "each write of a run"},
    {37, "after failover only the new leader's effects", true, "each script that takes the lock of a host"},
    {38, "wall clock jumps free no lease early", true, "each change of a lease's holder"},
    {39, "acknowledged writes survive", true, "each restart"},
    {40, "versions only grow", true, "each record and each restart"},
    {41, "a watch delivers each event once, in order", true, "each event of a watch"},
    {42, "reads and compare-and-set are linearisable", false, "the history checker on the real store does this"},
    {43, "a conflict has no effect", true, "each refused write"},
    {44, "list plus events equals list", true, "the end of each seed"},
    {45, "a rejected request leaves no trace", true, "each refused write"},
    {46, "planted secrets never show", true, "each record but Secrets, each log line, each line of output"},
    {47, "no tenant causes effects on another", true, "each script: a host serves one namespace"},
    {48, "arguments reach the target shell unchanged", false, "real shells do this in tests/contract"},
    {49, "no bytes to a host with another key", true, "by construction here; the real client in tests/integration"},
    {50, "no file operation leaves its root", true, "the end of each seed, each host"},
    {51, "one audit record before each effect", false, "there is no audit log yet"},
    {52, "metric counters equal the effect log", true, "the end of each seed without a crash"},
}};

const std::vector<std::string_view> kSometimes{
    "abort before the commit",
    "abort after the commit",
    "a run superseded before the commit",
    "a run superseded after the commit",
    "a run paused and resumed",
    "a run held for a person",
    "retry kept a preparation",
    "rollback completed",
    "rolled back after a failed verification",
    "rolled back after a partial switch",
    "rollback incomplete",
    "build failed",
    "gate closed",
    "a preparation was lost and made again",
    "a step ended as unknown",
    "a migration was not run again",
    "a step was already done",
    "source unavailable",
    "source failed",
    "a target was gone",
    "waited for a lease",
    "waited for a lock on the destination",
    "a lease changed hands",
    "an older fencing number was refused",
    "crash with a run open",
    "crash between two flips",
    "crash while undoing",
    "a release was deleted with its run open",
    "a second leader took over",
    "recreate went through",
    "old releases were retired",
};

}  // namespace

const std::array<InvariantInfo, kInvariants>& invariantTable() { return kTable; }
const std::vector<std::string_view>& sometimesTable() { return kSometimes; }

}  // namespace slipway::sim
