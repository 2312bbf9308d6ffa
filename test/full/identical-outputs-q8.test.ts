import { proveIdenticalOutputs } from './identical-outputs.ts';

proveIdenticalOutputs('q8', 100);
