import { proveIdenticalOutputs } from './identical-outputs.ts';

proveIdenticalOutputs('q4', 30);
