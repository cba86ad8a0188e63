/** The database cannot be reached, or has refused what it was asked. */
export class DatabaseError extends Error {}
