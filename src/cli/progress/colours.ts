/** Colours only on a terminal, and not where NO_COLOR is set (no-color.org). */
export const wantsColours = (): boolean => process.stdout.isTTY === true && !process.env.NO_COLOR
