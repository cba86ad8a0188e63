/** Half a surrogate pair has no UTF-8 form: on disk and on the wire it would silently become another character. */
export const isWellFormed = (text: string): boolean => !/\p{Cs}/u.test(text);

/** What is wrong with a text that is not, as the end of a sentence. */
export const ILL_FORMED = 'must not contain half a surrogate pair, which UTF-8 cannot carry';
