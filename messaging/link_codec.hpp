// The frames in which nodes pass each other entries, and their answers; see wire/link.proto. Pure:
// no I/O. A writer or reader keeps its memory from one message to the next, and belongs to one
// thread. Readers expect hostile bytes: what they accept keeps every rule of the domain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/boot_id.hpp"
#include "domain/entry.hpp"
#include "domain/plan.hpp"

namespace ledgerd {

namespace wire {
class frame_message;
class answers_message;
} // namespace wire

// Readers refuse more.
inline constexpr std::size_t link_bytes_max = 512 * 1024;
inline constexpr std::size_t frame_entries_max = 4096;
inline constexpr std::uint32_t framed_bytes_max = 64 * 1024 * 1024;

// Why a frame is not looked at.
enum class link_refusal : std::uint8_t {
  none,
  damaged,  // no frame, or one that breaks a rule
  version,  // it needs a later version
  stranger, // it is for another node
};

std::string_view to_text(link_refusal why) noexcept; // as in a sentence: "is damaged"

struct framed_entry {
  std::uint32_t place = 0; // in the frame as it was first sent
  std::uint64_t stream_seq = 0;
  // What its message counts of the sender's credit; 0: not known, as with an earlier version.
  std::uint32_t bytes = 0;
  entry asked;
};

struct link_frame {
  boot_id from{};
  boot_id to{};
  std::uint64_t number = 0;
  std::vector<framed_entry> entries; // places rise; none: a probe
};

class frame_writer {
public:
  frame_writer();
  frame_writer(frame_writer&&) noexcept;
  frame_writer& operator=(frame_writer&&) noexcept;
  ~frame_writer();

  void begin(boot_id from, boot_id to, std::uint64_t number);

  // Places must rise. `message_bytes` is what its message counts of our credit; as much as
  // `framed_bytes_max` is said.
  void add(std::uint32_t place, const entry& asked, std::uint64_t stream_seq,
           std::uint32_t message_bytes);

  // At most so many, for what has been added.
  std::size_t bytes() const noexcept { return bytes_; }

  // At most so many for an entry.
  static std::size_t bytes_of(const entry& asked) noexcept;

  // Valid until the next call.
  std::string_view finish();

private:
  std::unique_ptr<wire::frame_message> message_;
  std::string text_;
  std::size_t bytes_ = 0;
  std::uint32_t count_ = 0;
};

class frame_reader {
public:
  frame_reader();
  frame_reader(frame_reader&&) noexcept;
  frame_reader& operator=(frame_reader&&) noexcept;
  ~frame_reader();

  // Reads a frame for the node `self`; what is refused has at most `from` and `number` filled in.
  link_refusal read(std::string_view payload, boot_id self, link_frame& into);

private:
  std::unique_ptr<wire::frame_message> message_;
};

// What became of an entry at the node that was to decide it.
enum class link_fate : std::uint8_t {
  decided,  // with an answer
  failed,   // by its own fault
  later,    // there is no room for it now: let the broker deliver it again
  returned, // undecided, and no longer held
  full,     // likewise, for want of room: may be sent again
};

class answers_writer {
public:
  answers_writer();
  answers_writer(answers_writer&&) noexcept;
  answers_writer& operator=(answers_writer&&) noexcept;
  ~answers_writer();

  // `to` may be 0: the frame did not say.
  void begin(boot_id from, boot_id to);

  // Answers that follow are to entries of this frame.
  void page(std::uint64_t number);
  void decided(std::uint32_t place, const answer& what);
  void failed(std::uint32_t place, std::string_view why); // cut to 500 bytes
  void later(std::uint32_t place);
  void returned(std::uint32_t place);
  void full(std::uint32_t place);

  // The frame has come again and is still held.
  void holding(std::uint64_t number);

  void refuse(link_refusal why);

  // At most so many, for what has been added.
  std::size_t bytes() const noexcept { return bytes_; }

  // Valid until the next call.
  std::string_view finish();

private:
  std::unique_ptr<wire::answers_message> message_;
  std::string text_;
  std::size_t bytes_ = 0;
};

struct link_answer {
  std::uint64_t number = 0; // of the frame
  std::uint32_t place = 0;
  link_fate fate = link_fate::returned;
  std::string failure;
  // Of one that is decided: the posting without what the asker knows, which `complete_answer` fills
  // in; all of it for a conflict, except the record id.
  answer verdict;
};

struct link_answers {
  boot_id from{};
  boot_id to{};
  link_refusal refusal = link_refusal::none;
  std::vector<std::uint64_t> holding;
  std::vector<link_answer> answers;
};

class answers_reader {
public:
  answers_reader();
  answers_reader(answers_reader&&) noexcept;
  answers_reader& operator=(answers_reader&&) noexcept;
  ~answers_reader();

  // False: no answers, or such as this version does not understand.
  bool read(std::string_view payload, link_answers& into);

private:
  std::unique_ptr<wire::answers_message> message_;
};

// Fills in what the asker knows. False when this cannot be the answer to `asked`. Precondition: it
// is decided.
bool complete_answer(const entry& asked, answer& verdict);

} // namespace ledgerd
