#include "app/repair/letter_marks.hpp"

#include <algorithm>

namespace ledgerd {

void letter_marks::replayed(std::uint64_t letter, std::int64_t at_ns) {
  items_.push_back({letter, {1, at_ns}});
  // Merging now and then keeps what was replayed again and again from piling up.
  if (items_.size() >= 2 * std::max<std::size_t>(sorted_, 4096))
    merge();
}

void letter_marks::merge() const {
  std::stable_sort(items_.begin(), items_.end(),
                   [](const item& x, const item& y) { return x.letter < y.letter; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < items_.size(); ++i)
    if (kept > 0 && items_[kept - 1].letter == items_[i].letter) {
      auto& mark = items_[kept - 1].mark;
      mark.times += items_[i].mark.times;
      mark.last_ns = std::max(mark.last_ns, items_[i].mark.last_ns);
    } else {
      items_[kept++] = items_[i];
    }
  items_.resize(kept);
  if (kept > most_)
    items_.erase(items_.begin(), items_.end() - static_cast<std::ptrdiff_t>(most_));
  sorted_ = items_.size();
}

replay_mark letter_marks::of(std::uint64_t letter) const {
  if (sorted_ != items_.size())
    merge();
  const auto found =
      std::lower_bound(items_.begin(), items_.end(), letter,
                       [](const item& each, std::uint64_t wanted) { return each.letter < wanted; });
  return found != items_.end() && found->letter == letter ? found->mark : replay_mark{};
}

} // namespace ledgerd
