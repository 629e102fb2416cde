#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::sim {

// The file system of one simulated host. Paths are absolute; reading follows symbolic links, as a kernel does. Rename
// is one step: nobody sees half of it.
class Files {
 public:
  struct Node {
    enum class Type { File, Directory, Link } type = Type::Directory;
    std::string content;  // or the link's target
    bool executable = false;
    std::map<std::string, std::unique_ptr<Node>> children;
    mutable std::string sha;  // of content, when asked for before

    std::unique_ptr<Node> clone() const;
    const std::string& digest() const;
  };

  Files();

  bool exists(const std::string& path) const { return find(path) != nullptr; }
  bool isDirectory(const std::string& path) const;
  bool isFile(const std::string& path) const;
  bool isLink(const std::string& path) const;
  // Empty when it is no link.
  std::string readLink(const std::string& path) const;
  std::optional<std::string> read(const std::string& path) const;
  // Names, in byte order; hidden ones too.
  std::vector<std::string> list(const std::string& path) const;
  std::size_t freeBytes() const { return free_; }

  // False when a directory above is missing or no directory, or when the disk is full or read-only.
  bool write(const std::string& path, std::string_view content, bool executable = false);
  bool append(const std::string& path, std::string_view content);
  bool makeDirectory(const std::string& path);
  bool makeDirectories(const std::string& path);
  bool makeLink(const std::string& target, const std::string& path);
  // Replaces what is there, as rename(2).
  bool rename(const std::string& from, const std::string& to);
  bool copyTree(const std::string& from, const std::string& to);  // what is in `from` into `to`
  bool remove(const std::string& path);                           // the whole tree, never through a link

  // Faults.
  void setWritable(bool writable) {
    ++changes_;
    writable_ = writable;
  }
  void setFull(bool full) {
    ++changes_;
    free_ = full ? 0 : kDisk;
  }

  // Goes up with everything that may have changed what is here.
  std::uint64_t changes() const { return changes_; }

  // Every node below `path`, "./a/b" with its node, in byte order of the names.
  void walk(const std::string& path, const std::function<bool(const std::string&, const Node&)>& visit) const;
  // Follows links, also at the end; nullptr when there is nothing.
  const Node* find(const std::string& path) const;
  // The same without following a link at the end.
  const Node* look(const std::string& path) const;

 private:
  static constexpr std::size_t kDisk = std::size_t{1} << 34U;

  // The directory a path's last name is in, and that name.
  std::pair<Node*, std::string> place(const std::string& path, int links) const;
  Node* walkTo(const std::string& path, int links) const;
  Node* put(const std::string& path);
  // Asked before each change.
  bool mayWrite() {
    ++changes_;
    return writable_ && free_ > 0;
  }

  std::unique_ptr<Node> top_;
  bool writable_ = true;
  std::size_t free_ = kDisk;
  std::uint64_t changes_ = 0;
};

}  // namespace slipway::sim
