// scroll-scale: how far a list is scrolled when it is higher than a browser lets an element be.
//
// Browsers cut elements off at 17 to 33 million pixels, half a million rows. A higher list gets an element of the greatest height,
// and its scroll bar moves it in proportion, so that the end of the bar is the end of the list.
export const heightMax = 10_000_000;

export interface ScrollScale {
  /** Of the element that is scrolled. */
  readonly height: number;
  /** The top of what is seen, in pixels of the list, for the browser's scrollTop. */
  topOf(scrollTop: number): number;
  /** And back. */
  scrollOf(top: number): number;
}

export function scrollScale(listHeight: number, viewHeight: number): ScrollScale {
  if (listHeight <= heightMax) return { height: listHeight, topOf: (top) => top, scrollOf: (top) => top };
  const scale = (listHeight - viewHeight) / (heightMax - viewHeight);
  return { height: heightMax, topOf: (scrollTop) => scrollTop * scale, scrollOf: (top) => top / scale };
}
