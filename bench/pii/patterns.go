package pii

// Patterns are the same kinds as regular expressions, for the comparison. They
// check form alone: no check digits, no context words.
var Patterns = []string{
	`\b(?:19|20)?\d{6}[-+ ]?\d{4}\b`, `\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b`, `\+\d{1,3}[ \d()-]{7,16}\d`, `\b0\d{1,3}[- ]?\d{2,3}[ ]?\d{2}[ ]?\d{2,3}\b`,
	`\b(?:\d{1,3}\.){3}\d{1,3}\b`, `\b(?:[0-9a-f]{1,4}:){2,7}:?[0-9a-f]{1,4}\b`, `\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b`, `\b[A-Z]{2}\d{2}(?: ?[0-9A-Z]{4}){3,7}\b`,
	`\b(?:\d{4}[ -]?){3}\d{4}\b`, `\b[A-Z]{3} ?\d{2}[0-9A-Z]\b`, `\b\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]\b`, `\b\d{6} ?\d{5}\b`, `\b\d{3,4}-\d{4}\b`, `@[A-Za-z0-9_.]{3,}`,
	`\b[A-Z]{1,4}-\d{4,}\b`, `\b735999\d{12}\b`, `\b\d{15}\b`, `\b[A-ZÅÄÖ][a-zåäö]+ \d{1,3}:\d{1,4}\b`, `\b\d{2} \d{2} \d{2}-\d\b`, `\b\d{1,2} ?(?:jan|feb|mar|apr|maj|jun|jul|aug|sep|okt|nov|dec)[a-z]* \d{4}\b`,
}
