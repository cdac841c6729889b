// Words of commands that a user copies, or a shell reads.

/** As a POSIX shell reads it as one word: as it is where that will do, else in single quotes. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
