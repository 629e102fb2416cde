#include "reconciler/runtime/lease_lock.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/runtime/informer.h"

namespace slipway::runtime {
namespace {

constexpr int kAttempts = 3;

std::string versionOf(const Json& object) {
  const Json* version = object.at({"metadata", "resourceVersion"});
  return version != nullptr && version->isString() ? version->asString() : std::string();
}

const Json& specOf(const Json& object) {
  static const Json kNone = Json::object();
  const Json* spec = object.find("spec");
  return spec == nullptr ? kNone : *spec;
}

Json heldSpec(const LeaseClaim& claim, std::int64_t transitions, const std::string& now) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(claim.duration).count();
  return Json::object({{"holderIdentity", claim.holder},
                       {"leaseDurationSeconds", std::max<std::int64_t>(1, seconds)},
                       {"acquireTime", now},
                       {"renewTime", now},
                       {"leaseTransitions", transitions}});
}

// Anybody with the right to may have written the number.
Duration durationOf(const Json& spec) {
  return std::chrono::seconds(std::clamp<std::int64_t>(spec.getInt("leaseDurationSeconds", 15), 1, 24 * 3600));
}

// A lease that was deleted must not start again below what targets have seen of it: it starts at the minutes since
// 1970, which fits an int32 and outgrows any number of acquisitions of one lease. A clock that went back is what
// LeaseClaim::atLeast is for.
std::int64_t firstNumber(WallTime now) {
  return std::max<std::int64_t>(1, std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count());
}

// leaseTransitions is an int32. A number that leaves no room to grow, which a target would have to make up, is refused.
Status checkNumber(const ObjectKey& lease, std::uint64_t number) {
  return number < kHighestFence
             ? Status()
             : Status(Code::Invalid, cat("lease ", lease.toString(), " cannot get the fencing number ", number,
                                         ": the highest is ", kHighestFence));
}

}  // namespace

LeaseLock::Seen LeaseLock::remember(const ObjectKey& lease, const ObjectPtr& object) {
  const SteadyTime now = clock_.steady();
  const std::lock_guard lock(mutex_);
  Seen& seen = seen_[lease];
  // A reader's cache may be behind our own writes.
  if (!seen.object || newerVersion(versionOf(*object), versionOf(*seen.object))) seen = {object, now};
  return seen;
}

Result<LeaseLock::Seen> LeaseLock::look(const ObjectKey& lease) {
  const auto object = reader_.get(kLease, lease);
  if (object) return remember(lease, *object);
  if (object.code() == Code::NotFound) {
    const std::lock_guard lock(mutex_);
    seen_.erase(lease);
  }
  return object.status();
}

Result<ObjectPtr> LeaseLock::write(const ObjectKey& lease, const Json& current, Json spec) {
  Json meta = Json::object({{"resourceVersion", versionOf(current)}});
  return writer_.mergePatch(kLease, lease, Json::object({{"metadata", meta}, {"spec", std::move(spec)}}));
}

Result<LeaseGrant> LeaseLock::create(const ObjectKey& lease, const LeaseClaim& claim) {
  const WallTime now = clock_.wall();
  const std::int64_t number = std::max(firstNumber(now), static_cast<std::int64_t>(claim.atLeast) + 1);
  Json object = Json::object({{"apiVersion", kLease.apiVersion()}, {"kind", kLease.kind}});
  object["metadata"]["name"] = lease.name;
  object["metadata"]["namespace"] = lease.ns;
  object["spec"] = heldSpec(claim, number, formatMicroTime(now));
  const auto made = writer_.create(kLease, object);
  if (!made) {
    if (made.code() != Code::AlreadyExists) return made.status();
    return Status(Code::Conflict, cat("lease ", lease.toString(), " was taken by somebody else just now"));
  }
  remember(lease, *made);
  return LeaseGrant{static_cast<std::uint64_t>(number)};
}

Result<LeaseGrant> LeaseLock::acquire(const ObjectKey& lease, const LeaseClaim& claim) {
  SLIPWAY_RETURN_IF_ERROR(checkNumber(lease, claim.atLeast));
  const auto seen = look(lease);
  if (seen.code() == Code::NotFound) return create(lease, claim);
  if (!seen) return seen.status();
  const Json& spec = specOf(*seen->object);
  const std::string owner = spec.getString("holderIdentity");
  const bool ours = owner == claim.holder;
  if (!ours && !owner.empty()) {
    const SteadyTime expires = seen->since + durationOf(spec);
    const SteadyTime now = clock_.steady();
    if (now < expires) {
      return Status(Code::Conflict, cat("lease ", lease.toString(), " is held by ", owner, " for another ",
                                        formatDuration(expires - now), " unless it is renewed"));
    }
    log_.warn("taking over an expired lease", {{"lease", lease.toString()}, {"from", owner}, {"to", claim.holder}});
  }
  const std::int64_t known = std::max(spec.getInt("leaseTransitions"), static_cast<std::int64_t>(claim.atLeast));
  const std::int64_t number = known + (ours ? 0 : 1);
  Json next = heldSpec(claim, number, formatMicroTime(clock_.wall()));
  if (ours && spec.find("acquireTime") != nullptr) next["acquireTime"] = *spec.find("acquireTime");
  const auto written = write(lease, *seen->object, std::move(next));
  if (!written) return written.status().withContext(cat("lease ", lease.toString()));
  remember(lease, *written);
  return LeaseGrant{static_cast<std::uint64_t>(number)};
}

Status LeaseLock::change(const ObjectKey& lease, const std::string& holder, bool release) {
  Status last;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto seen = look(lease);
    if (!seen) return seen.status();
    const std::string owner = specOf(*seen->object).getString("holderIdentity");
    if (owner != holder) {
      return {Code::Conflict, cat("lease ", lease.toString(), " is held by ", owner.empty() ? "nobody" : owner)};
    }
    const std::string now = formatMicroTime(clock_.wall());
    Json spec = Json::object({{"renewTime", now}});
    if (release) spec["holderIdentity"] = "";
    const auto written = write(lease, *seen->object, std::move(spec));
    if (written) {
      remember(lease, *written);
      return {};
    }
    last = written.status();
    if (last.code() != Code::Conflict) return last;
  }
  // The holder's name was still ours each time: a cache that is behind, not a lost lease.
  return {Code::Unavailable, cat("lease ", lease.toString(), " could not be changed: ", last.message())};
}

Status LeaseLock::renew(const ObjectKey& lease, const std::string& holder) {
  const Status done = change(lease, holder, false);
  if (done.code() == Code::NotFound) {
    return {Code::Conflict, cat("lease ", lease.toString(), " was deleted")};
  }
  return done;
}

Status LeaseLock::release(const ObjectKey& lease, const std::string& holder) {
  const Status done = change(lease, holder, true);
  return done.code() == Code::Conflict || done.code() == Code::NotFound ? Status() : done;
}

Status LeaseLock::unlock(const ObjectKey& lease, const std::string& by) {
  const auto seen = look(lease);
  if (!seen) return seen.status();
  const std::string owner = specOf(*seen->object).getString("holderIdentity");
  Json patch = Json::object({{"spec", Json::object({{"holderIdentity", ""}})}});
  patch["metadata"]["resourceVersion"] = versionOf(*seen->object);
  patch["metadata"]["annotations"]["slipway.dev/unlocked-by"] = by;
  const auto written = writer_.mergePatch(kLease, lease, patch);
  if (!written) return written.status();
  remember(lease, *written);
  log_.warn("lease unlocked by force", {{"lease", lease.toString()}, {"from", owner}, {"by", by}});
  return {};
}

}  // namespace slipway::runtime
