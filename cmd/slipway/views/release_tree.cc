#include "cmd/slipway/views/release_tree.h"

#include <algorithm>
#include <charconv>

#include "cmd/slipway/views/text_table.h"
#include "reconciler/api/run.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kTailLines = 8;

enum class Tone { Plain, Good, Bad, Busy };

class Tree {
 public:
  explicit Tree(const TreeStyle& style) : style_(style) {}

  void root(std::string text) { lines_.push_back(std::move(text)); }
  // A line below what push() opened last. `last`: no sibling follows.
  void line(bool last, const std::string& text) {
    const char* branch = style_.unicode ? (last ? "└─ " : "├─ ") : (last ? "`- " : "|- ");
    lines_.push_back(prefix_ + branch + text);
  }
  void push(bool last) { prefix_ += last ? "   " : (style_.unicode ? "│  " : "|  "); }
  void pop() { prefix_.resize(prefix_.size() - (prefix_.ends_with("│  ") ? 5 : 3)); }

  std::string paint(Tone tone, const std::string& text) const {
    static constexpr const char* kCodes[] = {"", "\x1b[32m", "\x1b[31m", "\x1b[33m"};
    return style_.color && tone != Tone::Plain ? cat(kCodes[static_cast<int>(tone)], text, "\x1b[0m") : text;
  }
  std::string mark(StepState state) const {
    switch (state) {
      case StepState::Done:
        return paint(Tone::Good, style_.unicode ? "✔" : "ok");
      case StepState::Failed:
        return paint(Tone::Bad, style_.unicode ? "✘" : "FAILED");
      case StepState::Unknown:
        return paint(Tone::Bad, style_.unicode ? "?" : "UNKNOWN");
      case StepState::Running:
        return paint(Tone::Busy, style_.unicode ? "▸" : "...");
      case StepState::Pending:
        break;
    }
    return style_.unicode ? "·" : "-";
  }

  const TreeStyle& style() const { return style_; }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  const TreeStyle& style_;
  std::string prefix_;
  std::vector<std::string> lines_;
};

Tone toneOf(std::string_view phase) {
  if (phase == "Completed" || phase == "True") {
    return Tone::Good;
  }
  if (phase == "Failed" || phase == "RolledBack" || phase == "Cancelled" || phase == "Stalled") {
    return Tone::Bad;
  }
  return phase == "Pending" || phase.empty() ? Tone::Plain : Tone::Busy;
}

StepState stateOf(const Json& step) {
  const std::string name = step.getString("state");
  for (const StepState state : {StepState::Running, StepState::Done, StepState::Failed, StepState::Unknown}) {
    if (name == stateName(state)) {
      return state;
    }
  }
  return StepState::Pending;
}

// How long something took, or has taken until now; empty when that is not known or not to be shown.
std::string durationText(const Json& step, WallTime now, bool ticking) {
  if (step.getInt("durationMs", -1) >= 0 && stateOf(step) != StepState::Running) {
    return " " + shortDuration(std::chrono::milliseconds(step.getInt("durationMs")));
  }
  const std::string started = step.getString("startedAt");
  return stateOf(step) == StepState::Running && ticking && !started.empty() ? " " + ageOf(started, now) : "";
}

std::string reasonText(const Json& step) {
  std::vector<std::string> parts;
  for (const char* field : {"phase", "message"}) {
    std::string text = oneLine(step.getString(field));
    if (!text.empty() && (parts.empty() || text.find(parts.back()) == std::string::npos)) {
      parts.push_back(std::move(text));
    } else if (!text.empty()) {
      parts.back() = std::move(text);
    }
  }
  std::string out = join(parts, ": ");
  if (step.getInt("exitCode", -1) > 0 && out.find("exit") == std::string::npos) {
    out += cat(" (exit code ", step.getInt("exitCode"), ")");
  }
  if (step.getInt("tries") > 1) {
    out += cat(out.empty() ? "" : ", ", "try ", step.getInt("tries"));
  }
  return out;
}

struct NamedStep {
  std::string name;
  const Json* record = nullptr;
  StepState state = StepState::Pending;
};

std::vector<NamedStep> stepsOf(const Json& target) {
  std::vector<NamedStep> out;
  const Json* steps = target.find("steps");
  for (const StepKind kind : kStepKinds) {
    const std::string name(stepName(kind));
    if (const Json* record = steps == nullptr ? nullptr : steps->find(name)) {
      out.push_back({name, record, stateOf(*record)});
    }
  }
  return out;
}

void addStep(Tree& tree, const NamedStep& step, bool last, WallTime now) {
  const std::string reason = reasonText(*step.record);
  std::string text = cat(tree.mark(step.state), " ", step.name, durationText(*step.record, now, tree.style().ticking));
  if (step.record->getBool("alreadyDone")) {
    text += " (already done)";
  }
  tree.line(last, reason.empty() || step.state == StepState::Done ? text : cat(text, "  ", reason));
  const std::string tail = step.record->getString("tail");
  if (step.state != StepState::Failed || trim(tail).empty()) {
    return;
  }
  tree.push(last);
  const std::vector<std::string> lines = split(lastLines(tail, kTailLines), '\n');
  for (std::size_t index = 0; index < lines.size(); ++index) {
    tree.line(index + 1 == lines.size(), oneLine(lines[index]));
  }
  tree.pop();
}

void addTarget(Tree& tree, const Json& target, bool last, WallTime now) {
  std::string summary;
  std::vector<NamedStep> shown;
  for (const NamedStep& step : stepsOf(target)) {
    if (step.state != StepState::Pending) {
      summary +=
          cat("  ", tree.mark(step.state), " ", step.name, durationText(*step.record, now, tree.style().ticking));
    }
    if (step.state == StepState::Running) {
      const std::string reason = reasonText(*step.record);
      summary += reason.empty() ? "" : cat(" (", reason, ")");
    }
    if (tree.style().everyStep || step.state == StepState::Failed || step.state == StepState::Unknown) {
      shown.push_back(step);
    }
  }
  if (target.getBool("gone")) {
    summary = "  gone: the server was removed";
  }
  const std::string name = cat(oneLine(target.getString("destination")), "/", oneLine(target.getString("name")));
  tree.line(last, tree.style().everyStep && !target.getBool("gone") ? name : name + summary);
  tree.push(last);
  for (std::size_t index = 0; index < shown.size(); ++index) {
    addStep(tree, shown[index], index + 1 == shown.size(), now);
  }
  tree.pop();
}

// "Pending 0.1s, Preparing 4.0s, Deploying".
std::string phasesText(const Json& run, WallTime now, bool ticking) {
  const Json* rows = run.at({"status", "transitions"});
  std::vector<std::string> parts;
  if (rows == nullptr || !rows->isArray()) {
    return {};
  }
  for (const Json& row : rows->asArray()) {
    const std::string phase = oneLine(row.getString("phase"));
    const auto entered = parseTime(row.getString("enteredAt"));
    const std::string exit = row.getString("exitedAt");
    const auto exited = parseTime(exit);
    const bool terminal = isTerminal(phaseFromName(phase).valueOr(RunPhase::Pending));
    std::string part = phase;
    if (entered && exited) {
      part += " " + shortDuration(*exited - *entered);
    } else if (entered && exit.empty() && ticking && !terminal) {
      part += " " + ageOf(row.getString("enteredAt"), now);
    }
    parts.push_back(std::move(part));
  }
  return join(parts, ", ");
}

std::string namesIn(const Json& object, std::string_view list) {
  std::vector<std::string> out;
  if (const Json* names = object.find(list); names != nullptr && names->isArray()) {
    for (const Json& name : names->asArray()) {
      out.push_back(oneLine(name.asString()));
    }
  }
  return join(out, ", ");
}

// "20% on the new version (asked 50%), new: web1, old: web2".
std::string trafficText(const Json& status) {
  const Json* traffic = status.find("traffic");
  const Json* weight = traffic == nullptr ? nullptr : traffic->find("weight");
  if (weight == nullptr) {
    return {};
  }
  const std::int64_t verified = weight->getInt("verified", -1);
  const std::int64_t requested = weight->getInt("requested", -1);
  std::string out = verified < 0 ? "not read back yet" : cat(verified, "% on the new version");
  out += verified == requested ? "" : cat(" (asked ", requested, "%)");
  const std::string fresh = namesIn(*traffic, "fresh");
  const std::string stable = namesIn(*traffic, "stable");
  out += fresh.empty() ? "" : cat(", new: ", fresh);
  out += stable.empty() ? "" : cat(", old: ", stable);
  if (const Json* change = traffic->find("change"); change != nullptr && change->getString("state") != "Done") {
    out += cat("  ", change->getString("state"), " ", oneLine(change->getString("message")));
  }
  return out;
}

// In the order in which they began.
std::vector<NamedStep> hooksOf(const Json& status) {
  std::vector<NamedStep> out;
  const Json* hooks = status.find("hooks");
  if (hooks != nullptr && hooks->isObject()) {
    for (const auto& [key, record] : hooks->asObject()) {
      const bool named = key.find('/') != std::string::npos;
      const std::string server = named ? "" : cat(" on ", oneLine(record.getString("server")));
      out.push_back({cat("hook ", oneLine(key), server), &record, stateOf(record)});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const NamedStep& a, const NamedStep& b) {
    return a.record->getString("startedAt") < b.record->getString("startedAt");
  });
  return out;
}

// "web1 leads, web2 follows, web3 is down (refused)", as the members of a cluster said last; empty: they were not
// asked.
std::string membersText(const Json& status) {
  const Json* members = status.at({"cluster", "members"});
  std::vector<std::string> parts;
  if (members == nullptr || !members->isObject()) {
    return "";
  }
  for (const auto& [server, member] : members->asObject()) {
    const std::string role = member.getString("role");
    const std::string why = oneLine(member.getString("message"));
    parts.push_back(cat(oneLine(server), role == "Leader" ? " leads"
                                         : role == "Follower"
                                             ? " follows"
                                             : cat(" is down", why.empty() ? "" : cat(" (", why, ")"))));
  }
  return join(parts, ", ");
}

// "step 2 Successful: errors/rate 3/3 (0.01)", one for each analysis; the last number in brackets.
std::vector<std::string> analysisTexts(const Json& status) {
  std::vector<std::string> out;
  const Json* analyses = status.find("analyses");
  if (analyses == nullptr || !analyses->isObject()) {
    return out;
  }
  for (const auto& [step, analysis] : analyses->asObject()) {
    std::vector<std::string> metrics;
    const Json* list = analysis.find("metrics");
    for (const Json& metric : list != nullptr && list->isArray() ? list->asArray() : Json::Array()) {
      const Json* last = metric.find("last");
      const bool seen = last != nullptr && last->isArray() && !last->asArray().empty();
      const Json newest = seen ? last->asArray().back() : Json::object();
      const std::string value = newest.getString(newest.getString("value").empty() ? "result" : "value");
      metrics.push_back(cat(oneLine(metric.getString("name")), " ", metric.getInt("successful"), " good, ",
                            metric.getInt("failed"), " bad", value.empty() ? "" : cat(" (", oneLine(value), ")")));
    }
    const std::string verdict = oneLine(analysis.getString("verdict"));
    std::int64_t number = 0;
    std::from_chars(step.data(), step.data() + step.size(), number);
    out.push_back(cat("step ", number + 1, " ", verdict.empty() ? "goes on" : verdict,
                      metrics.empty() ? "" : cat(": ", join(metrics, ", "))));
  }
  return out;
}

std::vector<std::string> runFacts(const Tree& tree, const Json& run, WallTime now) {
  const Json* status = run.find("status");
  std::vector<std::string> facts;
  const auto add = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) {
      facts.push_back(cat(label, text));
    }
  };
  if (status == nullptr) {
    return facts;
  }
  add("phases   ", phasesText(run, now, tree.style().ticking));
  const std::string display = oneLine(status->getString("revisionDisplay"));
  add("source   ", display.empty() ? oneLine(status->getString("revision")) : display);
  if (const Json* decisions = status->find("decisions")) {
    add("commit   ", oneLine(decisions->getString("commit")));
    if (!decisions->getString("revert").empty()) {
      add("undo     ", oneLine(cat(decisions->getString("revert"), "  ", decisions->getString("revertReason"), ": ",
                                   decisions->getString("revertMessage"))));
    }
    add("abort    ", oneLine(decisions->getString("abort")));
    add("paused   ", oneLine(decisions->getString("pausedAt")));
  }
  if (status->getInt("skewMs", -1) >= 0) {
    add("skew     ", cat(status->getInt("skewMs"), "ms from the first switch to the last"));
  }
  add("traffic  ", trafficText(*status));
  add("cluster  ", membersText(*status));
  for (const std::string& text : analysisTexts(*status)) {
    add("analysis ", text);
  }
  add("message  ", oneLine(status->getString("message")));
  return facts;
}

void addRun(Tree& tree, const Json& run, WallTime now) {
  const Json* spec = run.find("spec");
  const Json* status = run.find("status");
  const std::string phase = status == nullptr ? "Pending" : oneLine(status->getString("phase", "Pending"));
  const Json* name = run.at({"metadata", "name"});
  std::string text =
      cat("Run ", name == nullptr ? "" : oneLine(name->asString()), "  ",
          spec == nullptr ? "" : oneLine(spec->getString("reason", "Apply")), " of version ",
          spec == nullptr ? "" : oneLine(spec->getString("version")), "  ", tree.paint(toneOf(phase), phase));
  const std::string step = status == nullptr ? "" : oneLine(status->getString("step"));
  tree.line(true, step.empty() ? text : cat(text, ", ", step));
  tree.push(true);
  const std::vector<std::string> facts = runFacts(tree, run, now);
  const Json* targets = status == nullptr ? nullptr : status->find("targets");
  const std::size_t count = targets != nullptr && targets->isArray() ? targets->asArray().size() : 0;
  const std::vector<NamedStep> hooks = status == nullptr ? std::vector<NamedStep>{} : hooksOf(*status);
  for (std::size_t index = 0; index < facts.size(); ++index) {
    tree.line(count == 0 && hooks.empty() && index + 1 == facts.size(), facts[index]);
  }
  for (std::size_t index = 0; index < hooks.size(); ++index) {
    addStep(tree, hooks[index], count == 0 && index + 1 == hooks.size(), now);
  }
  for (std::size_t index = 0; index < count; ++index) {
    addTarget(tree, targets->asArray()[index], index + 1 == count, now);
  }
  tree.pop();
}

std::string versionsText(const Json& status) {
  const Json* versions = status.find("versions");
  std::vector<std::string> parts;
  for (const char* name : {"desired", "attempted", "applied", "stable"}) {
    const std::string value = versions == nullptr ? "" : oneLine(versions->getString(name));
    if (!value.empty()) {
      parts.push_back(cat(name, " ", value));
    }
  }
  return join(parts, ", ");
}

std::string readiness(const Json& status) {
  const Json* conditions = status.find("conditions");
  if (conditions != nullptr && conditions->isArray()) {
    for (const Json& condition : conditions->asArray()) {
      if (condition.getString("type") == "Ready") {
        return oneLine(condition.getString("status"));
      }
    }
  }
  return "Unknown";
}

}  // namespace

std::vector<std::string> renderRelease(const Json& release, const Json* run, WallTime now, const TreeStyle& style) {
  Tree tree(style);
  const Json empty = Json::object();
  const Json* meta = release.find("metadata");
  const Json* found = release.find("status");
  const Json& status = found == nullptr ? empty : *found;
  const std::string phase = oneLine(status.getString("phase", "Pending"));
  const std::string ready = readiness(status);
  tree.root(cat("Release ",
                meta == nullptr ? "" : oneLine(meta->getString("namespace") + "/" + meta->getString("name")), "  ",
                tree.paint(toneOf(phase), phase), "  ready: ", tree.paint(toneOf(ready), ready)));
  std::vector<std::string> facts;
  if (const std::string versions = versionsText(status); !versions.empty()) {
    facts.push_back("versions  " + versions);
  }
  const std::string message = oneLine(status.getString("message"));
  // While the run speaks for the release, its own message is the newer one.
  if (!message.empty() && (run == nullptr || !phaseFromName(phase))) {
    facts.push_back("message   " + message);
  }
  if (const std::string drift = oneLine(status.getString("drift")); !drift.empty() && drift != "None") {
    facts.push_back("drift     " + drift);
  }
  for (std::size_t index = 0; index < facts.size(); ++index) {
    tree.line(run == nullptr && index + 1 == facts.size(), facts[index]);
  }
  if (run != nullptr) {
    addRun(tree, *run, now);
  }
  return tree.take();
}

}  // namespace slipway::cli
