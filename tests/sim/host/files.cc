#include "tests/sim/host/files.h"

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::sim {
namespace {

constexpr int kMaxLinks = 16;

}  // namespace

std::unique_ptr<Files::Node> Files::Node::clone() const {
  auto copy = std::make_unique<Node>();
  copy->type = type;
  copy->content = content;
  copy->executable = executable;
  copy->sha = sha;
  for (const auto& [name, child] : children) {
    copy->children.emplace(name, child->clone());
  }
  return copy;
}

const std::string& Files::Node::digest() const {
  if (sha.empty()) {
    sha = sha256Hex(content);
  }
  return sha;
}

Files::Files() : top_(std::make_unique<Node>()) {}

std::pair<Files::Node*, std::string> Files::place(const std::string& path, int links) const {
  std::vector<std::string> pending = split(path, '/');
  std::vector<Node*> above{top_.get()};
  std::size_t last = pending.size();
  while (last > 0 && pending[last - 1].empty()) {
    --last;
  }
  for (std::size_t i = 0; i < last; ++i) {
    const std::string name = pending[i];
    if (name.empty() || name == ".") {
      continue;
    }
    if (name == "..") {
      if (above.size() > 1) {
        above.pop_back();
      }
      continue;
    }
    Node* here = above.back();
    if (here->type != Node::Type::Directory) {
      return {nullptr, {}};
    }
    if (i + 1 == last) {
      return {here, name};
    }
    const auto found = here->children.find(name);
    if (found == here->children.end()) {
      return {nullptr, {}};
    }
    if (found->second->type != Node::Type::Link) {
      above.push_back(found->second.get());
      continue;
    }
    if (--links < 0) {
      return {nullptr, {}};
    }
    // The link's target takes the place of its name; an absolute one starts at the top.
    const std::vector<std::string> target = split(found->second->content, '/');
    if (found->second->content.starts_with('/')) {
      above.resize(1);
    }
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    pending.insert(pending.begin(), target.begin(), target.end());
    last = last - i - 1 + target.size();
    i = static_cast<std::size_t>(-1);
  }
  return {above.back(), "."};
}

Files::Node* Files::walkTo(const std::string& path, int links) const {
  const auto [directory, name] = place(path, links);
  if (directory == nullptr || name == ".") {
    return directory;
  }
  const auto found = directory->children.find(name);
  return found == directory->children.end() ? nullptr : found->second.get();
}

const Files::Node* Files::look(const std::string& path) const { return walkTo(path, kMaxLinks); }

const Files::Node* Files::find(const std::string& path) const {
  std::string at = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    const Node* node = walkTo(at, kMaxLinks);
    if (node == nullptr || node->type != Node::Type::Link) {
      return node;
    }
    at = node->content.starts_with('/') ? node->content : cat(at.substr(0, at.rfind('/') + 1), node->content);
  }
  return nullptr;
}

bool Files::isDirectory(const std::string& path) const {
  const Node* node = find(path);
  return node != nullptr && node->type == Node::Type::Directory;
}

bool Files::isFile(const std::string& path) const {
  const Node* node = find(path);
  return node != nullptr && node->type == Node::Type::File;
}

bool Files::isLink(const std::string& path) const {
  const Node* node = look(path);
  return node != nullptr && node->type == Node::Type::Link;
}

std::string Files::readLink(const std::string& path) const {
  return isLink(path) ? look(path)->content : std::string();
}

std::optional<std::string> Files::read(const std::string& path) const {
  const Node* node = find(path);
  if (node == nullptr || node->type != Node::Type::File) {
    return std::nullopt;
  }
  return node->content;
}

std::vector<std::string> Files::list(const std::string& path) const {
  std::vector<std::string> out;
  if (const Node* node = find(path); node != nullptr && node->type == Node::Type::Directory) {
    for (const auto& [name, child] : node->children) {
      out.push_back(name);
    }
  }
  return out;
}

// The node to write to: made when missing, the link's target when it is a link.
Files::Node* Files::put(const std::string& path) {
  std::string at = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    const auto [directory, name] = place(at, kMaxLinks);
    if (directory == nullptr || name == "." || directory->type != Node::Type::Directory || !mayWrite()) {
      return nullptr;
    }
    auto& slot = directory->children[name];
    if (slot == nullptr) {
      slot = std::make_unique<Node>();
      slot->type = Node::Type::File;
      return slot.get();
    }
    if (slot->type == Node::Type::Link) {
      const std::string target = slot->content;
      at = target.starts_with('/') ? target : cat(at.substr(0, at.rfind('/') + 1), target);
      continue;
    }
    return slot->type == Node::Type::File ? slot.get() : nullptr;
  }
  return nullptr;
}

bool Files::write(const std::string& path, std::string_view content, bool executable) {
  Node* node = put(path);
  if (node == nullptr) {
    return false;
  }
  node->content = content;
  node->executable = executable;
  node->sha.clear();
  return true;
}

bool Files::append(const std::string& path, std::string_view content) {
  Node* node = put(path);
  if (node == nullptr) {
    return false;
  }
  node->content += content;
  node->sha.clear();
  return true;
}

bool Files::makeDirectory(const std::string& path) {
  const auto [directory, name] = place(path, kMaxLinks);
  if (directory == nullptr || name == "." || !mayWrite()) {
    return false;
  }
  return directory->children.emplace(name, std::make_unique<Node>()).second;
}

bool Files::makeDirectories(const std::string& path) {
  if (isDirectory(path)) {
    return true;
  }
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0 && !makeDirectories(path.substr(0, slash))) {
    return false;
  }
  return makeDirectory(path);
}

bool Files::makeLink(const std::string& target, const std::string& path) {
  const auto [directory, name] = place(path, kMaxLinks);
  if (directory == nullptr || name == "." || directory->children.contains(name) || !mayWrite()) {
    return false;
  }
  auto node = std::make_unique<Node>();
  node->type = Node::Type::Link;
  node->content = target;
  directory->children.emplace(name, std::move(node));
  return true;
}

bool Files::rename(const std::string& from, const std::string& to) {
  ++changes_;
  const auto [source, name] = place(from, kMaxLinks);
  const auto [target, newName] = place(to, kMaxLinks);
  if (source == nullptr || target == nullptr || !writable_) {
    return false;
  }
  const auto found = source->children.find(name);
  if (found == source->children.end()) {
    return false;
  }
  const auto there = target->children.find(newName);
  if (there != target->children.end() && there->second->type == Node::Type::Directory) {
    return false;
  }
  auto moved = std::move(found->second);
  source->children.erase(found);
  target->children[newName] = std::move(moved);
  return true;
}

bool Files::copyTree(const std::string& from, const std::string& to) {
  const Node* source = find(from);
  Node* target = walkTo(to, kMaxLinks);
  if (source == nullptr || target == nullptr || target->type != Node::Type::Directory || !mayWrite()) {
    return false;
  }
  for (const auto& [name, child] : source->children) {
    target->children[name] = child->clone();
  }
  return true;
}

bool Files::remove(const std::string& path) {
  ++changes_;
  const auto [directory, name] = place(path, kMaxLinks);
  return directory != nullptr && writable_ && directory->children.erase(name) > 0;
}

void Files::walk(const std::string& path, const std::function<bool(const std::string&, const Node&)>& visit) const {
  const Node* top = find(path);
  if (top == nullptr) {
    return;
  }
  const std::function<void(const std::string&, const Node&)> go = [&](const std::string& at, const Node& node) {
    for (const auto& [name, child] : node.children) {
      const std::string below = cat(at, "/", name);
      if (visit(below, *child) && child->type == Node::Type::Directory) {
        go(below, *child);
      }
    }
  };
  go(".", *top);
}

}  // namespace slipway::sim
