/**
 * Finds code that sends the whole environment away: build machines keep their secrets in
 * environment variables.
 */
import { Analyzer, Rule } from '@packguard/sdk';

// The id is unique over all analyzers; the platform shows the other texts with each finding.
const ENVIRONMENT_SENT = new Rule({
  id: '{{name}}-environment-sent',
  title: 'The code sends the whole environment away',
  help:
    'Found where one line of code takes all environment variables and sends them somewhere. ' +
    'Build machines keep their secrets there.\n\nRead where it sends them.',
  category: 'exfiltration',
  severity: 'high',
  attack: ['T1567'],
});

// The environment as a whole: reading one variable is everyday work.
const WHOLE = ['dict(os.environ)', 'os.environ.copy()', 'JSON.stringify(process.env)'];

// What sends: handing the environment on to a program of one's own is everyday work, too.
const SENDERS = ['urlopen(', 'requests.post(', 'fetch(', 'axios.post('];

export default class EnvironmentSent extends Analyzer {
  static descriptor = {
    name: '{{name}}',
    version: '0.1.0',
    description: 'Finds code that sends the whole environment away',
    ecosystems: [],
    rules: [ENVIRONMENT_SENT],
  };

  files = ['*.{py,js,mjs,cjs}'];

  text(source, analysis) {
    let start = 0;
    for (const line of source.text.split('\n')) {
      const word = WHOLE.find((one) => line.includes(one));
      if (word !== undefined && SENDERS.some((sender) => line.includes(sender))) {
        const at = start + line.indexOf(word);
        const finding = ENVIRONMENT_SENT.at(source, at, at + word.length, 'high');
        analysis.push(finding.why('Secrets in the environment leave the machine.'));
      }
      start += line.length + 1;
    }
  }
}
