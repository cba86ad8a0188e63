/**
 * A package of Debian with those of its dependencies that are wanted, unpacked into the cache but not installed. Resolves
 * to the folder.
 */
export function unpackDebianPackage(wish: {
  /** Such as `prometheus`. */
  package: string;
  /** How its folder in the cache begins. */
  name: string;
  /** What is said while it is fetched. */
  announcement: string;
  /** Which dependencies are wanted besides libraries. */
  isPart?: (name: string) => boolean;
}): Promise<string>;
