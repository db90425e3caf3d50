// Lists that go to files once they are large, cut into parts by record id: what belongs together is
// looked at part by part, so memory stays the same however many there are.
//
// Belongs to one thread. Errors of the file system are std::runtime_error with the folder in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "domain/release.hpp"

namespace ledgerd {

inline constexpr std::size_t spill_parts = 64;

// In which part everything about a record lies.
std::size_t spill_part(std::int64_t record) noexcept;

class spill_base;

// Where lists go. Outlives them.
class spill_space {
public:
  // With a folder, which exists and is kept, everything goes there at once. Without, lists stay in
  // memory up to `memory_max` bytes together and then go to a folder of their own among the
  // temporary files, which is removed in the end.
  explicit spill_space(std::filesystem::path folder = {},
                       std::size_t memory_max = std::size_t{48} << 20);
  ~spill_space();
  spill_space(const spill_space&) = delete;
  spill_space& operator=(const spill_space&) = delete;

  bool in_files() const noexcept { return in_files_; }
  std::size_t parts() const noexcept { return in_files_ ? spill_parts : 1; }

private:
  friend class spill_base;

  void grew(std::size_t bytes);
  std::filesystem::path file(const std::string& list, std::size_t part) const;

  std::filesystem::path folder_;
  const std::size_t memory_max_;
  const bool kept_;
  bool in_files_;
  std::size_t bytes_ = 0;
  std::vector<spill_base*> lists_;
};

using spill_sizes = std::array<std::uint64_t, spill_parts>; // of the files, in bytes

class spill_base {
public:
  spill_base(const spill_base&) = delete;
  spill_base& operator=(const spill_base&) = delete;

  // Writes what is still in memory, and says how long the files are. Only of lists in files.
  spill_sizes flush();

  // Goes on where such a list was: cuts off what came after.
  void restore(const spill_sizes& sizes);

protected:
  spill_base(spill_space& in, std::string name);
  virtual ~spill_base();

  void append(std::size_t part, std::span<const std::byte> item);
  void grew(std::size_t bytes) { space_.grew(bytes); }
  std::vector<std::byte> read(std::size_t part);
  const spill_space& space() const noexcept { return space_; }

private:
  friend class spill_space;

  virtual void move_to_files() = 0;
  void write(std::size_t part);

  spill_space& space_;
  const std::string name_;
  std::array<std::vector<std::byte>, spill_parts> buffers_;
  spill_sizes sizes_{};
};

// Items are plain values, of this program and this machine only.
template <class Item>
class spill_list final : public spill_base {
  static_assert(std::is_trivially_copyable_v<Item>);

public:
  spill_list(spill_space& in, std::string name) : spill_base(in, std::move(name)) {}

  void add(std::int64_t record, const Item& item) {
    if (space().in_files())
      return append(spill_part(record), std::as_bytes(std::span(&item, 1)));
    items_.push_back({record, item});
    grew(sizeof(keyed));
  }

  // What a part holds, in the order in which it came. In memory there is one part, with everything.
  // Called once for each part.
  std::vector<Item> take(std::size_t part) {
    std::vector<Item> result;
    if (space().in_files()) {
      const auto bytes = read(part);
      result.resize(bytes.size() / sizeof(Item));
      if (!result.empty())
        std::memcpy(static_cast<void*>(result.data()), bytes.data(), result.size() * sizeof(Item));
      return result;
    }
    result.reserve(items_.size());
    for (const auto& each : items_)
      result.push_back(each.item);
    release(items_);
    return result;
  }

private:
  struct keyed {
    std::int64_t record;
    Item item;
  };

  void move_to_files() override {
    for (const auto& each : items_)
      append(spill_part(each.record), std::as_bytes(std::span(&each.item, 1)));
    release(items_);
  }

  std::vector<keyed> items_;
};

} // namespace ledgerd
