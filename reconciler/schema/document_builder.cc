#include "reconciler/schema/document_builder.h"

#include "reconciler/base/strings.h"

namespace slipway::schema {
namespace {

// Paths longer than this are of no use to a reader, and long keys with many children would multiply.
constexpr std::size_t kMaxPath = 1024;
constexpr std::size_t kMaxDuplicates = 1000;
constexpr std::size_t kLinearMembers = 16;
// Small documents may use aliases freely.
constexpr std::size_t kFreeCopies = 1000;

}  // namespace

bool DocumentBuilder::isDuplicate(Frame& frame, std::string_view name) {
  const JsonObject& members = frame.value.asObject();
  if (members.size() < kLinearMembers) {
    return members.contains(name);
  }
  if (frame.seen.empty()) {
    for (const auto& [known, value] : members) {
      frame.seen.insert(known);
    }
  }
  return !frame.seen.emplace(name).second;
}

std::string DocumentBuilder::key(std::string_view name, YamlPosition at) {
  Frame& frame = frames_.back();
  path_.resize(frame.pathLength);
  if (path_.size() <= kMaxPath) {
    path_ += path_.empty() ? "" : ".";
    path_ += name;
  }
  frame.key = name;
  frame.keyed = true;
  if (isDuplicate(frame, name)) {
    if (out_.duplicates.size() >= kMaxDuplicates) {
      return cat("more than ", kMaxDuplicates, " keys are given twice");
    }
    out_.duplicates.push_back(path_.substr(0, kMaxPath));
  } else {
    frame.value.asObject().append(std::string(name), nullptr);
  }
  if (options_.positions && path_.size() <= kMaxPath) {
    out_.positions.insert_or_assign(path_, at);
  }
  return {};
}

std::string DocumentBuilder::enter(YamlPosition at) {
  if (++nodes_ > options_.maxNodes) {
    return cat("more than ", options_.maxNodes, " values in one document");
  }
  if (inList()) {
    Frame& frame = frames_.back();
    path_.resize(frame.pathLength);
    if (path_.size() <= kMaxPath) {
      path_ += cat("[", frame.value.asArray().size(), "]");
      if (options_.positions) {
        out_.positions.insert_or_assign(path_, at);
      }
    }
  }
  return {};
}

void DocumentBuilder::attach(Json value) {
  Json* place = &out_.value;
  if (inList()) {
    place = &frames_.back().value.asArray().emplace_back();
  } else if (inMap()) {
    Frame& frame = frames_.back();
    JsonObject& members = frame.value.asObject();
    // The key was appended last unless it is a duplicate.
    auto tail = members.end() - 1;
    place = tail->first == frame.key ? &tail->second : members.find(frame.key);
    frame.keyed = false;
  }
  *place = std::move(value);
  last_ = place;
}

std::string DocumentBuilder::scalar(Json value, YamlPosition at) {
  std::string wrong = enter(at);
  if (wrong.empty()) {
    attach(std::move(value));
  }
  return wrong;
}

std::string DocumentBuilder::startContainer(Json empty, YamlPosition at) {
  std::string wrong = enter(at);
  if (wrong.empty() && frames_.size() >= options_.maxDepth) {
    wrong = cat("nested deeper than ", options_.maxDepth, " levels");
  }
  if (wrong.empty()) {
    Frame& frame = frames_.emplace_back();
    frame.value = std::move(empty);
    frame.pathLength = path_.size();
  }
  return wrong;
}

std::string DocumentBuilder::startMap(YamlPosition at) { return startContainer(Json::object(), at); }
std::string DocumentBuilder::startList(YamlPosition at) { return startContainer(Json::array(), at); }

void DocumentBuilder::endContainer() {
  Json done = std::move(frames_.back().value);
  frames_.pop_back();
  attach(std::move(done));
}

std::string DocumentBuilder::copy(const Json& value, std::size_t nodes, YamlPosition at) {
  const std::size_t written = nodes_ - copied_;
  copied_ += nodes;
  nodes_ += nodes - 1;  // enter() counts the first
  if (copied_ > kFreeCopies + options_.maxAliasExpansion * written) {
    return "aliases multiply this document too much";
  }
  std::string wrong = enter(at);
  if (wrong.empty()) {
    Json copied = value;  // `value` may stand in the list that attach() makes grow
    attach(std::move(copied));
  }
  return wrong;
}

}  // namespace slipway::schema
