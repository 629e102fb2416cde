#include "cmd/slipway/views/run_description.h"

#include <algorithm>

#include "cmd/slipway/views/release_lists.h"
#include "cmd/slipway/views/text_table.h"
#include "reconciler/api/run.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

const Json& at(const Json& object, std::initializer_list<std::string_view> path) {
  static const Json kNothing = Json::object({});
  const Json* found = object.at(path);
  return found == nullptr ? kNothing : *found;
}

class Description {
 public:
  void fact(std::string_view label, const std::string& value) {
    if (!value.empty()) {
      std::string padded = cat(label, ":");
      padded.resize(std::max<std::size_t>(padded.size() + 1, 14), ' ');
      out_ += cat(padded, oneLine(value), "\n");
    }
  }
  // Under a heading of its own, indented; nothing when there are no rows.
  void table(std::string_view heading, const TextTable& table) {
    if (!table.empty()) {
      out_ += cat(heading, ":\n", indent(table.text(), "  "));
    }
  }
  void block(const std::string& indented) { out_ += indented; }
  static std::string indent(const std::string& text, std::string_view by) {
    std::string out;
    for (const std::string& line : split(trim(text), '\n')) {
      out += cat(by, line, "\n");
    }
    return out;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// "2026-01-01T00:00:00Z (5m ago)".
std::string moment(const std::string& time, WallTime now) {
  return time.empty() ? "" : cat(time, " (", ageOf(time, now), " ago)");
}

std::string between(const std::string& from, const std::string& to) {
  const auto begin = parseTime(from);
  const auto end = parseTime(to);
  return begin && end ? shortDuration(*end - *begin) : "";
}

std::string durationOf(const Json& step) {
  const std::int64_t took = step.getInt("durationMs", -1);
  return took < 0 ? "" : shortDuration(std::chrono::milliseconds(took));
}

void addConditions(Description& text, const Json& status) {
  TextTable table({"CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"});
  if (const Json& conditions = at(status, {"conditions"}); conditions.isArray()) {
    for (const Json& condition : conditions.asArray()) {
      table.add({condition.getString("type"), condition.getString("status"), condition.getString("lastTransitionTime"),
                 condition.getString("reason"), condition.getString("message")});
    }
  }
  text.table("Conditions", table);
}

void addEvents(Description& text, const std::vector<ObjectPtr>& events, WallTime now) {
  TextTable table({"AGE", "TYPE", "REASON", "COUNT", "MESSAGE"});
  for (const ObjectPtr& event : events) {
    const std::string last = event->getString("lastTimestamp");
    table.add({ageOf(last.empty() ? event->getString("eventTime") : last, now), event->getString("type"),
               event->getString("reason"), cat(std::max<std::int64_t>(event->getInt("count"), 1)),
               event->getString("message")});
  }
  text.table("Events", table);
}

void addTransitions(Description& text, const Json& status) {
  TextTable table({"PHASE", "ENTERED", "LEFT", "TOOK", "REASON", "MESSAGE"});
  if (const Json& rows = at(status, {"transitions"}); rows.isArray()) {
    for (const Json& row : rows.asArray()) {
      const std::string entered = row.getString("enteredAt");
      const std::string left = row.getString("exitedAt");
      table.add({row.getString("phase"), entered, left, between(entered, left), row.getString("reason"),
                 row.getString("message")});
    }
  }
  text.table("States", table);
}

void addDecisions(Description& text, const Json& status, WallTime now) {
  TextTable table({"DECISION", "WHEN", "WHY"});
  const Json& decisions = at(status, {"decisions"});
  const auto add = [&](std::string_view field, std::string_view shown, const std::string& why) {
    if (const std::string when = decisions.getString(field); !when.empty()) {
      table.add({std::string(shown), moment(when, now), why});
    }
  };
  add("commit", "commit", "every server was ready: the switch may begin");
  add("revert", "revert", cat(decisions.getString("revertReason"), ": ", decisions.getString("revertMessage")));
  add("abort", "abort", decisions.getString("abortReason"));
  add("pausedAt", "pause", "");
  add("promoteFull", "promote-full", "the steps that are left are left out");
  if (const std::int64_t step = decisions.getInt("promotedStep", -1); step >= 0) {
    table.add({"promote", "", cat("the pause of step ", step + 1)});
  }
  text.table("Decisions", table);
}

void addWaits(Description& text, const Json& status) {
  TextTable table({"WAIT", "SINCE", "PASSED"});
  if (const Json& waits = at(status, {"waits"}); waits.isObject()) {
    for (const auto& [name, wait] : waits.asObject()) {
      table.add(
          {name, wait.getString("startedAt"), shortDuration(std::chrono::milliseconds(wait.getInt("elapsedMs")))});
    }
  }
  text.table("Waits", table);
}

void addAnalyses(Description& text, const Json& status) {
  TextTable table({"ANALYSIS", "VERDICT", "AT", "MESSAGE"});
  if (const Json& analyses = at(status, {"analyses"}); analyses.isObject()) {
    for (const auto& [step, analysis] : analyses.asObject()) {
      const std::string verdict = analysis.getString("verdict");
      table.add({step, verdict.empty() ? "Running" : verdict, analysis.getString("at"), analysis.getString("message")});
    }
  }
  text.table("Analyses", table);
}

void addTraffic(Description& text, const Json& status) {
  const Json& traffic = at(status, {"traffic"});
  if (traffic.getInt("number") == 0) {
    return;
  }
  const Json& weight = at(traffic, {"weight"});
  const auto percent = [&](std::string_view field) {
    const std::int64_t value = weight.getInt(field, -1);
    return value < 0 ? std::string("unknown") : cat(value, "%");
  };
  text.fact("Traffic", cat("change ", traffic.getInt("number"), " ", textAt(traffic, {"change", "state"}), ": asked ",
                           percent("requested"), ", set ", percent("set"), ", read back ", percent("verified"),
                           " on the new version"));
}

void addTarget(Description& text, const Json& target) {
  std::string facts;
  const auto add = [&](std::string_view label, const std::string& value) {
    facts += value.empty() ? "" : cat("  ", label, " ", oneLine(value));
  };
  add("before", target.getString("before"));
  add("digest", target.getString("digest"));
  add("slot", target.getString("slot"));
  add("old slot", target.getString("slotBefore"));
  add("zone", target.getString("zone"));
  add("group", target.getString("group"));
  if (const std::int64_t bytes = target.getInt("bytesSent"); bytes > 0) {
    add("sent", cat(bytes, " bytes"));
  }
  text.block(cat("  ", oneLine(target.getString("destination")), "/", oneLine(target.getString("name")),
                 target.getBool("gone") ? "  gone: the server was removed" : "", facts, "\n"));
  TextTable table({"STEP", "STATE", "TRIES", "STARTED", "TOOK", "OPERATION", "MESSAGE"});
  std::string tails;
  const Json& steps = at(target, {"steps"});
  for (const StepKind kind : kStepKinds) {
    const Json* step = steps.find(stepName(kind));
    if (step == nullptr) {
      continue;
    }
    table.add({std::string(stepName(kind)), step->getString("state"), cat(step->getInt("tries")),
               step->getString("startedAt"), durationOf(*step), step->getString("operationId"),
               step->getString("message")});
    for (const std::string& line : split(trim(step->getString("tail")), '\n')) {
      tails += line.empty() ? "" : cat("      | ", oneLine(line), "\n");
    }
  }
  if (!table.empty()) {
    text.block(Description::indent(table.text(), "    "));
  }
  text.block(tails);
}

}  // namespace

std::string describeRun(const Json& run, const std::vector<ObjectPtr>& events, WallTime now) {
  Description text;
  const Json& spec = at(run, {"spec"});
  const Json& status = at(run, {"status"});
  text.fact("Run", textAt(run, {"metadata", "name"}));
  text.fact("Namespace", textAt(run, {"metadata", "namespace"}));
  text.fact("Release",
            cat(textAt(spec, {"releaseRef", "name"}), ", generation ", at(spec, {"releaseRef"}).getInt("generation")));
  text.fact("Reason", spec.getString("reason"));
  text.fact("Version", spec.getString("version"));
  text.fact("Instead of", spec.getString("rollbackFrom"));
  text.fact("Based on", spec.getString("basedOn"));
  text.fact("Previous run", spec.getString("previousRun"));
  text.fact("Strategy", textAt(spec, {"template", "strategy", "type"}));
  text.fact("Revision", status.getString("revisionDisplay", status.getString("revision")));
  text.fact("Content", status.getString("artifact"));
  const std::string started = status.getString("startedAt");
  const std::string finished = status.getString("finishedAt");
  text.fact("Started", moment(started, now));
  text.fact("Ended", finished.empty() ? "" : cat(moment(finished, now), ", after ", between(started, finished)));
  const std::string outcome = status.getString("outcome");
  text.fact("Outcome", outcome.empty() ? cat("none yet: ", status.getString("phase", "Pending")) : outcome);
  text.fact("Message", status.getString("message"));
  if (const Json& count = at(status, {"instances"}); count.getInt("total") > 0) {
    text.fact("On servers", cat(count.getInt("successful"), " of ", count.getInt("total"), " verified"));
  }
  if (const std::int64_t skew = status.getInt("skewMs", -1); skew >= 0) {
    text.fact("Switch skew", cat(skew, "ms from the first switch to the last"));
  }
  addTraffic(text, status);
  addTransitions(text, status);
  addDecisions(text, status, now);
  addWaits(text, status);
  addAnalyses(text, status);
  addConditions(text, status);
  if (const Json& targets = at(status, {"targets"}); targets.isArray() && !targets.asArray().empty()) {
    text.block("Servers:\n");
    for (const Json& target : targets.asArray()) {
      addTarget(text, target);
    }
  }
  addEvents(text, events, now);
  return text.take();
}

std::string describeRelease(const Json& release, const std::vector<ObjectPtr>& events, WallTime now) {
  Description text;
  const Json& status = at(release, {"status"});
  text.fact("Release", textAt(release, {"metadata", "name"}));
  text.fact("Namespace", textAt(release, {"metadata", "namespace"}));
  text.fact("Phase", status.getString("phase", "Pending"));
  text.fact("Message", status.getString("message"));
  text.fact("Desired", textAt(status, {"versions", "desired"}));
  text.fact("Attempted", textAt(status, {"versions", "attempted"}));
  text.fact("Applied", textAt(status, {"versions", "applied"}));
  text.fact("Stable", textAt(status, {"versions", "stable"}));
  text.fact("Run", status.getString("currentRun"));
  text.fact("Last outcome", status.getString("lastOutcome"));
  text.fact("Drift", status.getString("drift"));
  text.fact("Live group", status.getString("liveGroup"));
  addConditions(text, status);
  TextTable asked({"ASKED", "WHEN", "RESULT"});
  if (const Json& requests = at(status, {"handledRequests"}); requests.isObject()) {
    for (const auto& [verb, request] : requests.asObject()) {
      asked.add({verb, moment(request.getString("at"), now), request.getString("result")});
    }
  }
  text.table("Requests", asked);
  if (const Json& history = at(status, {"history"}); history.isArray() && !history.asArray().empty()) {
    text.block(cat("History:\n", Description::indent(historyText(release, now), "  ")));
  }
  addEvents(text, events, now);
  return text.take();
}

}  // namespace slipway::cli
